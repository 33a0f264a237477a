import { createHash, randomUUID } from 'node:crypto';
import type { BudgetAlert, Events } from '../../runtime/events.ts';
import type { AlertNotice } from './alert-notice.ts';
import type { AlertSink } from './alert-sink.ts';
import { delivery } from './delivery.ts';
import { spendRows } from './spend-rows.ts';

/** The part of a guard that alerts need. */
export interface AlertingGuard {
  on: Events['on'];
  /** Spend is added up many steps at a time where the guard has this. */
  readonly later?: Events['later'] | undefined;
  /** Asked for the name of the account's window. */
  read?(scope: string, id: string, options: { tenant?: string }): Promise<{ readonly window: string }>;
}

export interface BudgetAlertsOptions {
  readonly sinks: readonly AlertSink[];
  /** Which alerts people are told. Default: of all scopes but `run`, whose every run would ring. */
  readonly isWanted?: ((alert: BudgetAlert) => boolean) | undefined;
  /** What comes within so long of the first goes out in one message. Default 10,000 ms. */
  readonly groupMs?: number | undefined;
  /** Pauses before further tries of a delivery that failed. Default 1 s, 5 s, 30 s, 2 min, 10 min. */
  readonly retryMs?: readonly number[] | undefined;
  /** How long one try may take. Default 10,000 ms. */
  readonly timeoutMs?: number | undefined;
  /** Told of each try that failed. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/** Alerts that are on their way to people. */
export interface BudgetAlerts {
  /** Sends what has gathered without waiting for more; resolves when it is handed to the sinks. */
  flush(): Promise<void>;
  /** Stops listening, sends what has gathered, waits five seconds at most for deliveries. */
  close(): Promise<void>;
}

const REMEMBERED = 20_000;
const GROUP_MOST = 500;
const READ_MS = 2_000;
const CLOSE_MS = 5_000;
const WAITING_MOST = 1_000;
const SPENDERS = 3;

/**
 * Tells people when budgets run low: who, over which window, how fast, until when, and who spends most. Alerts that come
 * together are one message; of an account that crosses several thresholds at once only the highest is told; each is told
 * once. Nothing of it can hold up a run.
 *
 * @example budgetAlerts(guard, { sinks: [slackSink({ url }), webhookSink({ url, secret })] });
 */
export function budgetAlerts(guard: AlertingGuard, options: BudgetAlertsOptions): BudgetAlerts {
  const { sinks, groupMs = 10_000, retryMs = [1_000, 5_000, 30_000, 120_000, 600_000], timeoutMs = 10_000, now = Date.now } = options;
  const isWanted = options.isWanted ?? (({ scope }) => scope !== 'run');
  const onError = isolated(options.onError ?? (() => {}));
  const deliveries = sinks.map((sink) => delivery(sink, { retryMs, timeoutMs, mostWaiting: WAITING_MOST, onError }));
  const rows = spendRows(now);
  const spending: Pick<Events, 'on'> = guard.later ?? guard;
  const told = new Set<string>();
  let gathered = new Map<string, BudgetAlert>();
  let timer: NodeJS.Timeout | undefined;
  const underWay = new Set<Promise<void>>();

  function gather(alert: BudgetAlert): void {
    if (!isWanted(alert)) return;
    const key = keyOf(alert);
    if (told.has(key)) return;
    told.add(key);
    const oldest = told.size > REMEMBERED ? told.values().next().value : undefined;
    if (oldest !== undefined) told.delete(oldest);
    const account = JSON.stringify([alert.tenant, alert.scope, alert.id, alert.dimension]);
    const before = gathered.get(account);
    if (!before || before.threshold < alert.threshold) gathered.set(account, alert);
    timer ??= setTimeout(send, groupMs).unref();
    if (gathered.size >= GROUP_MOST) send();
  }

  function send(): void {
    clearTimeout(timer);
    timer = undefined;
    const sent = sendGathered().finally(() => underWay.delete(sent));
    underWay.add(sent);
  }

  /** What was begun before is waited for, too: what a store has yet to tell of must not be lost. */
  async function flush(): Promise<void> {
    send();
    await Promise.all(underWay);
  }

  async function sendGathered(): Promise<void> {
    const alerts = [...gathered.values()];
    gathered = new Map();
    if (alerts.length === 0) return;
    guard.later?.flush();
    const notices = await Promise.all(alerts.map(noticeOf));
    const messageId = alerts.length === 1 ? (notices[0]?.key ?? randomUUID()) : hash(notices.map(({ key }) => key).sort());
    for (const each of deliveries) each.push(messageId, notices);
  }

  async function noticeOf(alert: BudgetAlert): Promise<AlertNotice> {
    const at = now();
    const perHour = rows.perHour(alert, alert.dimension);
    const endsAt = perHour > 0 ? at + (Math.max(0, alert.limit - alert.used) / perHour) * 3_600_000 : Number.POSITIVE_INFINITY;
    const isBefore = endsAt < (alert.resetsAt ?? Number.POSITIVE_INFINITY);
    return {
      key: keyOf(alert),
      at,
      ...alert,
      window: await windowOf(alert),
      perHour,
      runsOutAt: isBefore && Number.isFinite(endsAt) ? Math.round(endsAt) : null,
      spenders: rows.spenders(alert, alert.dimension, SPENDERS),
    };
  }

  async function windowOf({ scope, id, tenant }: BudgetAlert): Promise<string | undefined> {
    let late: NodeJS.Timeout | undefined;
    const never = new Promise<undefined>((resolve) => (late = setTimeout(() => resolve(undefined), READ_MS).unref()));
    try {
      return await Promise.race([guard.read?.(scope, id, tenant === '' ? {} : { tenant }).then(({ window }) => window), never]);
    } catch (error) {
      onError(error);
      return undefined;
    } finally {
      clearTimeout(late);
    }
  }

  const offs = [guard.on('budget:alert', gather), spending.on('step:end', ({ run, step }) => rows.add(run, step.used, step.endedAt))];
  return {
    flush,
    async close() {
      for (const off of offs) off();
      await flush();
      await Promise.all(deliveries.map((each) => each.close(CLOSE_MS)));
    },
  };
}

const keyOf = ({ tenant, scope, id, dimension, threshold, resetsAt, limit }: BudgetAlert): string =>
  hash([tenant, scope, id, dimension, String(threshold), String(resetsAt), String(limit)]);

const hash = (parts: readonly string[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);

const isolated =
  (hook: (error: unknown) => void) =>
  (error: unknown): void => {
    try {
      hook(error);
    } catch {
      // An error hook that fails has nobody left to tell.
    }
  };
