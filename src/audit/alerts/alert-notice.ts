import type { Dimension } from '../../core/amounts.ts';
import { formatUsd } from '../../core/money.ts';

/** Who spent how much of an account: an id of a narrower scope. `amount` is in the dimension's unit, dollars for `usd`. */
export interface Spender {
  readonly scope: string;
  readonly id: string;
  readonly amount: number;
}

/** What people are told when an account crosses a threshold. Amounts are in dollars for `usd`, else counts. */
export interface AlertNotice {
  /** The same for every delivery of this alert, in whichever process: one account, dimension, threshold and window. */
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly tenant: string;
  readonly scope: string;
  readonly id: string;
  readonly dimension: Dimension;
  /** 0..1; where several were crossed at once, the highest. */
  readonly threshold: number;
  readonly used: number;
  readonly limit: number;
  /** The window's name; undefined where the store did not tell it in time. */
  readonly window: string | undefined;
  readonly resetsAt: number | null;
  /** How fast this process has been using it up lately, an hour. */
  readonly perHour: number;
  /** When nothing is left at that rate; null when the window ends before, or nothing is being used. */
  readonly runsOutAt: number | null;
  /** The three ids below the account that this process has seen spend most. */
  readonly spenders: readonly Spender[];
}

/** A notice as one sentence or three. `escape` is applied to ids, which come from outside. */
export function noticeText(notice: AlertNotice, escape: (id: string) => string = (id) => id): string {
  const { scope, id, tenant, dimension, threshold, used, limit, window, resetsAt, perHour, runsOutAt, spenders } = notice;
  const amount = (value: number): string => (dimension === 'usd' ? formatUsd(value) : Math.round(value).toLocaleString('en-US'));
  const unit = dimension === 'usd' ? '' : ` ${dimension}`;
  const whose =
    scope === 'global' ? 'global' : `${scope} ${escape(id)}${tenant === 'default' || scope === 'tenant' ? '' : ` of ${escape(tenant)}`}`;
  const over = window === undefined || window === 'lifetime' ? '' : ` (${window})`;
  const reset = resetsAt === null ? '' : ` It resets at ${time(resetsAt)}.`;
  const rate =
    perHour > 0 ? ` At ${amount(perHour)}${unit} an hour it ${runsOutAt === null ? 'lasts' : `runs out at ${time(runsOutAt)}`}.` : '';
  const biggest = spenders.map((each) => `${each.scope} ${escape(each.id)} ${amount(each.amount)}`).join(', ');
  return (
    `${whose} has used ${Math.round(threshold * 100)} % of its budget${over}: ${amount(used)} of ${amount(limit)}${unit}.${rate}${reset}` +
    (biggest === '' ? '' : ` Most of it: ${biggest}.`)
  );
}

const time = (at: number): string => `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
