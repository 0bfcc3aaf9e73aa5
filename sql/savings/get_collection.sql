-- One collection that the caller may see.
-- $1 business_id: the tenant
-- $2 own_user_id (nullable): only of this person's accounts; null: all
-- $3 own_agent_id (nullable): only of this agent and their sub-agents; null: all
-- $4 collection_id: which one
-- index: collections_pk, savings_accounts_pk, markings_pk
select savings.collection_body(c, a.tracking_number, savings.positions_of(c))::text as body, c.version
from savings.collections c join savings.accounts a on a.business_id = c.business_id and a.id = c.savings_account_id
where c.business_id = $1 and c.id = $4
  and ($3::uuid is null or c.agent_id = any ((select savings.agents_of($1, $3))::uuid[]))
  and ($2::uuid is null or exists (
    select from core.customers o where o.business_id = a.business_id and o.id = a.customer_id and o.user_id = $2));
