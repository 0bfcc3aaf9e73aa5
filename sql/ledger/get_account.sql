-- One account of the ledger, with its balance.
-- $1 business_id: the tenant
-- $2 account_id: which one
-- index: ledger_accounts_pk
select ledger.account_body(a)::text as body from ledger.accounts a where a.business_id = $1 and a.id = $2;
