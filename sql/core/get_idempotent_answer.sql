-- The stored answer of an idempotency key.
-- $1 business_id: the tenant
-- $2 member_id: whose key
-- $3 key: the key
-- nullable: version, location
-- index: idempotency_keys_pk
select k.status, k.response as body, k.version, k.location
from core.idempotency_keys k where k.business_id = $1 and k.member_id = $2 and k.key = $3;
