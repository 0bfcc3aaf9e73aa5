-- Ends documents and approvals that are past their last day in their business, and tells the cache. `expired`: customers
-- whom it concerned.
-- $1 limit_rows: how many customers at most
-- index: kycdoc_expiring_ix, kyc_expiring_ix
select bank.expire_kyc($1::int) as expired;
