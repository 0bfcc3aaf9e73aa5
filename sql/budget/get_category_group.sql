-- One group of a person's budget.
-- $1 business_id: the tenant
-- $2 user_id: whose budget
-- $3 budget_id: which one
-- $4 group_id: which group
-- index: budgets_pk, category_groups_pk
select budget.group_body(g)::text as body, g.version
from budget.budgets b
join budget.category_groups g on g.business_id = b.business_id and g.budget_id = b.id and g.id = $4::uuid
where b.business_id = $1::uuid and b.id = $3::uuid and b.owner_id = $2::uuid and b.deleted_at is null;
