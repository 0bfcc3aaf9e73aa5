-- Answers at once: proves that a connection works.
-- $1 token: any number, comes back as it went
select $1::int as token;
