-- What all accounts have, by currency: debits and credits are equal.
-- $1 business_id: the tenant
-- $2 as_of (nullable): instant; null: all that is posted
-- index: ledger_accounts_pk, balances_pk, balance_snapshots_pk, lent_asof_ix
-- scan: every account of the business is counted
select ledger.trial_balance($1, $2::text::timestamptz) as body;
