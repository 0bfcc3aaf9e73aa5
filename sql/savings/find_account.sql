-- The account with a tracking number, whoever may see it.
-- $1 business_id: the tenant
-- $2 tracking_number: ten digits
-- index: savings_accounts_number_uq
select savings.account_of($1::uuid, $2::text) as account_id;
