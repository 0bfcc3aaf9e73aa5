-- Removes rows of a deleted budget, a bounded part of them, and says how many transactions went (budget.purge).
-- $1 limit_rows: transactions at once
-- index: budget_deleted_ix
select budget.purge($1::int) as purged;
