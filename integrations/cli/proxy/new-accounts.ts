import { hash } from 'node:crypto';

/** Bounds how many accounts each tenant may begin: ids that clients invent must not fill the store. */
export interface NewAccounts {
  /** Whether the accounts of these scopes are known, or may still be begun. Seconds until the next one may, where not. */
  admit(
    scopes: Readonly<Record<string, string>>,
    now: number,
  ): { readonly isAdmitted: true } | { readonly isAdmitted: false; readonly waitS: number };
}

const HOUR_MS = 3_600_000;
/** Tenants that are remembered; trusted clients could name any number of them. */
const TENANTS_MAX = 10_000;

/** What one tenant has begun, each by what `printOf` says of it with the moment at which it was last used. */
interface Tenant {
  readonly known: Map<string, number>;
  /** The hour in which `begun` counts. */
  hour: number;
  begun: number;
}

/** Longer ids are known by a hash of them, so that what is remembered stays small. */
const PLAIN_MAX = 40;

const printOf = ([scope, id]: readonly [string, string]): string =>
  id.length <= PLAIN_MAX ? `${scope}\n${id}` : hash('sha1', `${scope}\n\n${id}`, 'base64');

export function newAccounts(perHour: number): NewAccounts {
  const tenants = new Map<string, Tenant>();

  function tenantOf(name: string, now: number): Tenant | undefined {
    const hour = Math.floor(now / HOUR_MS);
    let tenant = tenants.get(name);
    if (!tenant) {
      if (tenants.size >= TENANTS_MAX && !forgetOld(hour)) return undefined;
      tenant = { known: new Map(), hour, begun: 0 };
      tenants.set(name, tenant);
    }
    if (tenant.hour !== hour) {
      tenant.hour = hour;
      tenant.begun = 0;
      // Those that were not used in the last hour count as new when they come again.
      for (const [print, at] of tenant.known) if (now - at > HOUR_MS) tenant.known.delete(print);
    }
    return tenant;
  }

  function forgetOld(hour: number): boolean {
    for (const [name, tenant] of tenants) if (tenant.hour < hour - 1) tenants.delete(name);
    return tenants.size < TENANTS_MAX;
  }

  return {
    admit(scopes, now) {
      const { tenant: name = 'default', ...ids } = scopes;
      const waitS = Math.ceil((HOUR_MS - (now % HOUR_MS)) / 1_000);
      const tenant = tenantOf(name, now);
      if (!tenant) return { isAdmitted: false, waitS };
      const prints = Object.entries(ids).map(printOf);
      const fresh = prints.filter((print) => !tenant.known.has(print));
      if (fresh.length > 0 && tenant.begun + fresh.length > perHour) return { isAdmitted: false, waitS };
      tenant.begun += fresh.length;
      for (const print of prints) tenant.known.set(print, now);
      return { isAdmitted: true };
    },
  };
}
