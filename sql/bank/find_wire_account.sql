-- The account that a wire takes its money from: it never changes.
-- $1 business_id: the tenant
-- $2 own_user_id (nullable): whose customers' wires are meant; null for all
-- $3 wire_transfer_id: which one
-- index: wire_transfers_pk, transfers_pk, customers_pk
select t.from_account_id as account_id
from bank.wire_transfers w join bank.transfers t on t.business_id = w.business_id and t.id = w.transfer_id
where w.business_id = $1 and w.transfer_id = $3
  and ($2::uuid is null or exists (
    select from core.customers o where o.business_id = w.business_id and o.id = w.customer_id and o.user_id = $2));
