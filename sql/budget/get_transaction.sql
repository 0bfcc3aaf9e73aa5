-- One transaction of a budget.
-- $1 business_id: the tenant
-- $2 user_id: whose budget it is
-- $3 budget_id: which budget
-- $4 transaction_id: which transaction
-- index: budgets_pk, transactions_pk
select budget.transaction_body(t)::text as body, t.version
from budget.transactions t join budget.budgets b on b.business_id = t.business_id and b.id = t.budget_id
where t.business_id = $1 and t.id = $4::uuid and t.deleted_at is null
  and b.id = $3::uuid and b.owner_id = $2::uuid and b.deleted_at is null;
