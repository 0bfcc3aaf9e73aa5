-- One expense.
-- $1 business_id: the tenant
-- $2 own_agent_id (nullable): whose, and whose sub-agents' expenses are meant; null for all
-- $3 expense_id: which one
-- index: expenses_pk
select savings.expense_body(e)::text as body, e.version
from savings.expenses e
where e.business_id = $1 and e.id = $3
  and ($2::uuid is null or e.member_id = any ((select savings.agents_of($1, $2))::uuid[]));
