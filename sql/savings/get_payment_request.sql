-- One payment request. A customer is not told who earns what.
-- $1 business_id: the tenant
-- $2 own_user_id (nullable): whose customers' requests are meant; null for all
-- $3 own_agent_id (nullable): only requests of this agent and of their sub-agents
-- $4 payment_request_id: which one
-- index: payment_requests_pk, savings_accounts_pk, destinations_pk, customers_pk
select savings.payment_request_detail(r.business_id, r.id, $2::uuid is not null)::text as body, r.version
from savings.payment_requests r
where r.business_id = $1 and r.id = $4 and savings.is_payment_seen(r, $2, $3);
