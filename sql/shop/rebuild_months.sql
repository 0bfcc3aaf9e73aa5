-- Counts the months of a business again whose zone has changed (shop.rebuild_months). One replica at a time; another one does
-- nothing. Whether there may be more to do.
-- $1 subject: what is rebuilt, in words
-- scan: every job of the business is read, when its zone has changed
select shop.rebuild_months() as more, $1::text as subject;
