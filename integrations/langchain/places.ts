import type { Run } from 'holdfast';

/**
 * Runs by the place where they wait, such as a thread. The threads of two tenants may have one name, and neither finds the
 * other's run; whoever names no tenant finds any, for the person who answers may know of none.
 */
export class Places<W extends { readonly run: Run }> {
  readonly #at = new Map<string, W[]>();

  find(place: string, tenant: string | number | undefined): W | undefined {
    const here = this.#at.get(place);
    const own = here?.find(({ run }) => run.tenant === String(tenant ?? 'default'));
    return own ?? (tenant === undefined ? here?.[0] : undefined);
  }

  /** In the place of the tenant's run that was there before, if any. */
  set(place: string, waiting: W): void {
    const others = this.#at.get(place)?.filter(({ run }) => run.tenant !== waiting.run.tenant) ?? [];
    this.#at.set(place, [...others, waiting]);
  }

  delete(place: string, waiting: W): void {
    const others = this.#at.get(place)?.filter((each) => each !== waiting) ?? [];
    if (others.length > 0) this.#at.set(place, others);
    else this.#at.delete(place);
  }
}
