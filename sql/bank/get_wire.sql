-- One wire with its moves. A customer is not told how names were screened, nor what was noted.
-- $1 business_id: the tenant
-- $2 own_user_id (nullable): whose customers' wires are meant; null for all
-- $3 wire_transfer_id: which one
-- index: wire_transfers_pk, transfers_pk, wire_transfer_events_pk, customers_pk
select bank.wire_detail(w.business_id, w.transfer_id, $2::uuid is not null)::text as body, w.version
from bank.wire_transfers w
where w.business_id = $1 and w.transfer_id = $3
  and ($2 is null or exists (
    select from core.customers o where o.business_id = w.business_id and o.id = w.customer_id and o.user_id = $2));
