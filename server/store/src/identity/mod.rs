//! Users, devices, invitations, logins and operators: what service `auth` owns.
