-- Which customers of the business a person is, two at most: who is one need not say which.
-- $1 business_id: the tenant
-- $2 user_id: the login
-- index: customers_user_ix
select c.id from core.customers c where c.business_id = $1 and c.user_id = $2::uuid limit 2;
