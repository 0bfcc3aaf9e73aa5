-- The ledger accounts that undoing a collection may move beside the savings account's.
-- $1 business_id: the tenant
-- $2 collection_id: which one
-- index: collections_pk, agents_pk
select c.savings_account_id, g.cash_id, g.receivable_id
from savings.collections c join savings.agents g on g.business_id = c.business_id and g.id = c.agent_id
where c.business_id = $1 and c.id = $2;
