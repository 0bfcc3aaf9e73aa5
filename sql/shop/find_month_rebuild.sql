-- Whether the months of some business wait to be counted again.
-- $1 subject: what is looked for, in words
select exists (select from shop.month_rebuilds) as waits, $1::text as subject;
