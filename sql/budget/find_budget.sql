-- What other answers ask of a person's budget before they look for themselves: the one named, or the default of a business.
-- $1 business_id: the tenant
-- $2 user_id: whose budget
-- $3 budget_id (nullable): which one; null for the default
-- index: budgets_pk, budget_default_uq
select b.id as budget_id, b.timezone, to_char(b.first_month, 'YYYY-MM') as first_month
from budget.budgets b
where b.business_id = $1::uuid and b.owner_id = $2::uuid and b.deleted_at is null
  and case when $3::uuid is null then b.is_default else b.id = $3::uuid end;
