-- One transaction of the ledger with its entries.
-- $1 business_id: the tenant
-- $2 transaction_id: which one
-- index: transactions_pk, lent_tx_ix, ltx_resolved_once_uq, ltx_reversed_once_uq
select ledger.transaction_with_entries(t)::text as body
from ledger.transactions t where t.business_id = $1 and t.id = $2;
