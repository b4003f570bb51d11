-- API keys of accountants: they read the books and give no commands.
alter table api_keys drop constraint api_keys_role_check;
alter table api_keys add constraint api_keys_role_check
    check (role in ('reader', 'accountant', 'operator', 'admin'));
