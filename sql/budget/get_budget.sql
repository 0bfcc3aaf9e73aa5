-- One budget of a person.
-- $1 business_id: the tenant
-- $2 user_id: whose budget
-- $3 budget_id: which one
-- index: budgets_pk
select budget.budget_body(b)::text as body, b.version from budget.budgets b
where b.business_id = $1::uuid and b.id = $3::uuid and b.owner_id = $2::uuid and b.deleted_at is null;
