-- One transfer.
-- $1 business_id: the tenant
-- $2 transfer_id: which one
-- $3 own_user_id (nullable): the person whose account must be one of its ends; null: anybody's
-- index: transfers_pk
select bank.transfer_body(t)::text as body, t.version
from bank.transfers t
where t.business_id = $1 and t.id = $2
  and ($3::uuid is null or bank.is_own(t.business_id, $3, t.from_account_id, t.to_account_id));
