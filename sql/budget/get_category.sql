-- One category of a person's budget.
-- $1 business_id: the tenant
-- $2 user_id: whose budget
-- $3 budget_id: which one
-- $4 category_id: which category
-- index: budgets_pk, categories_pk
select budget.category_body(c)::text as body, c.version
from budget.budgets b
join budget.categories c on c.business_id = b.business_id and c.budget_id = b.id and c.id = $4::uuid
where b.business_id = $1::uuid and b.id = $3::uuid and b.owner_id = $2::uuid and b.deleted_at is null;
