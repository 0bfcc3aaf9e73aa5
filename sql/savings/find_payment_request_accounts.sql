-- The account that a request empties, and the account of the bank that it fills, if it goes to one: they never change.
-- $1 business_id: the tenant
-- $2 own_user_id (nullable): whose customers' requests are meant; null for all
-- $3 own_agent_id (nullable): only requests of this agent and of their sub-agents
-- $4 payment_request_id: which one
-- nullable: bank_account_id
-- index: payment_requests_pk, destinations_pk, customers_pk
select r.savings_account_id, d.bank_account_id
from savings.payment_requests r
left join savings.payment_destinations d on d.business_id = r.business_id and d.id = r.destination_id
where r.business_id = $1 and r.id = $4 and savings.is_payment_seen(r, $2, $3);
