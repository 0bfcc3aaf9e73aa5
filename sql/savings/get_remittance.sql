-- One remittance.
-- $1 business_id: the tenant
-- $2 own_agent_id (nullable): whose, and whose sub-agents' remittances are meant; null for all
-- $3 remittance_id: which one
-- index: remittances_pk
select savings.remittance_body(r)::text as body, r.version
from savings.remittances r
where r.business_id = $1 and r.id = $3
  and ($2::uuid is null or r.agent_id = any ((select savings.agents_of($1, $2))::uuid[]));
