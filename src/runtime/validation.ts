import { z } from 'zod';
import { dimensions, type Dimension } from '../core/amounts.ts';
import { builtinScopes, type StoreErrorPolicy } from '../core/budget.ts';
import { durationMs, isDuration, type Duration } from '../core/duration.ts';
import { InvalidOptionError } from '../core/errors.ts';
import { MAX_USD, toNano } from '../core/money.ts';
import { calendarUnits, isTimeZone, weekdays } from '../core/window.ts';

/** Checks a value against a schema; what does not fit becomes one error that names each path, value and remedy. */
export function parseOptions<T>(what: string, schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  throw new InvalidOptionError(what, result.error.issues.map(toIssue));
}

function toIssue(issue: z.core.$ZodIssue): InvalidOptionError['issues'][number] {
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const hint = issue.keys.some((key) => key.toLowerCase() in misspelledLimits) ? `; limits are ${dimensions.join(', ')}` : '';
    return {
      path,
      message: `there is no option ${issue.keys.map((key) => `"${key}"`).join(', ')}; check the spelling or leave it out${hint}`,
      value: issue.keys,
    };
  }
  const got = issue.input === undefined ? '' : `, got ${shown(issue.input)}`;
  // What is wrong with a name is said of the name, not of the object that it is in.
  const message = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
  return { path, message: `${message}${got}`, value: issue.input };
}

const misspelledLimits: Record<string, true> = {
  dollars: true,
  usdd: true,
  cost: true,
  maxtokens: true,
  token: true,
  step: true,
  calls: true,
  maxsteps: true,
};

/** A value as an error message shows it: short, and never a user's text. */
function shown(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value);
  if (typeof value === 'string') return value.length <= 40 ? JSON.stringify(value) : `a text of ${value.length} characters`;
  return Array.isArray(value) ? `a list of ${value.length}` : `a value of type ${typeof value}`;
}

const count = (what: string): z.ZodType<number | undefined> =>
  z
    .number({ error: `expected a whole number of ${what}` })
    .int({ error: `expected a whole number of ${what}, at most ${Number.MAX_SAFE_INTEGER}` })
    .min(0, { error: `expected 0 or more ${what}; 0 forbids, leaving it out sets no limit` })
    .optional();

const usd = z
  .number({ error: 'expected a number of dollars' })
  .min(0, { error: 'expected 0 dollars or more; 0 forbids, leaving it out sets no limit' })
  .refine((dollars) => dollars === 0 || toNano(dollars) >= 1, { error: 'expected 0, or at least a billionth of a dollar' })
  .max(MAX_USD, { error: `expected at most ${MAX_USD} dollars: one account cannot count further` })
  .optional();

const words: Record<Exclude<Dimension, 'usd'>, string> = {
  tokens: 'tokens',
  inputTokens: 'input tokens',
  outputTokens: 'output tokens',
  reasoningTokens: 'reasoning tokens',
  steps: 'steps',
  modelCalls: 'model calls',
  toolCalls: 'tool calls',
};

/** The fields of a limit, for objects that have more than limits. */
export const limitFields = {
  usd,
  ...(Object.fromEntries(Object.entries(words).map(([dimension, what]) => [dimension, count(what)])) as Record<
    Exclude<Dimension, 'usd'>,
    z.ZodType<number | undefined>
  >),
};

export const limits = z.strictObject(limitFields, { error: 'expected limits such as { usd: 0.5, steps: 60 }' });

const durationUpTo = (most: Duration, example: string): z.ZodType<Duration> =>
  z.custom<Duration>((value) => typeof value === 'string' && isDuration(value) && durationMs(value) <= durationMs(most), {
    error: `expected a length of time such as ${example}, at most "${most}"`,
  });

export const duration = durationUpTo('36500d', '"500ms", "30s", "2m", "1.5h" or "7d"');
/** For what a timer waits: timers take no longer delays than about 24 days. */
export const shortDuration = durationUpTo('1d', '"500ms", "30s" or "2m"');
export const adjustedFor = z.object({ for: duration });

const share = (least: number, most: number, what: string): z.ZodType<number> =>
  z.number({ error: what }).min(least, { error: what }).max(most, { error: what });

export const alertAt = z
  .array(share(0.01, 1, 'expected shares of the limit from 0.01 to 1'), { error: 'expected a list of shares such as [0.5, 0.8, 0.95]' })
  .max(16, { error: 'expected at most 16 shares' })
  .transform((shares) => [...new Set(shares)].sort((a, b) => a - b));

export const headroom = share(0, 0.9, 'expected a share from 0 to 0.9, such as 0.1');
export const onExpire = z.enum(['release', 'charge'], { error: "expected 'release' or 'charge'" });
const budgetWindow = z.union(
  [
    z.enum(['lifetime', ...calendarUnits]),
    z.strictObject({
      every: z.enum(calendarUnits),
      timeZone: z.string().refine(isTimeZone, { error: 'expected a known IANA time zone such as "Europe/Berlin"' }).optional(),
      weekStart: z.enum(weekdays).optional(),
    }),
    z.strictObject({ rolling: duration }),
  ],
  {
    error:
      "expected 'lifetime', 'minute', 'hour', 'day', 'week', 'month', { every: 'day', timeZone: 'Europe/Berlin', weekStart: 'monday' } with a known IANA time zone, or { rolling: '24h' }",
  },
);

export const onStoreError: z.ZodType<StoreErrorPolicy> = z.union(
  [z.enum(['closed', 'open', 'local']), z.strictObject({ local: z.strictObject({ ...limitFields, window: budgetWindow.optional() }) })],
  { error: "expected 'closed', 'open', 'local' or { local: limits } such as { local: { usd: 0.1, window: 'minute' } }" },
) as unknown as z.ZodType<StoreErrorPolicy>;

/** Any function: what it takes and gives is for the types. */
export const fn = <F>(what: string): z.ZodType<F> => z.custom<F>((value) => typeof value === 'function', { error: `expected ${what}` });

const policyFields = {
  alertAt: alertAt.optional(),
  headroom: headroom.optional(),
  onExpire: onExpire.optional(),
  onStoreError: onStoreError.optional(),
};

const perId = z.union([z.record(z.string(), limits), fn<(...args: never[]) => unknown>('a function')], {
  error: "expected limits by id such as { 'document-analysis': { usd: 100 } }, or a function of the id",
});

export const scopeBudget = z.strictObject(
  { ...limitFields, ...policyFields, window: budgetWindow.optional(), per: perId.optional() },
  { error: "expected a budget such as { usd: 5, window: 'day' }" },
);
export const runBudget = z.strictObject(
  { ...limitFields, ...policyFields, duration: duration.optional() },
  { error: "expected a budget such as { usd: 0.5, steps: 60, duration: '2m' }" },
);

const scopeName = z.string().regex(/^[A-Za-z][\w-]{0,63}$/, { error: 'expected a scope name of letters, digits, - and _, at most 64' });

/** The built-in scope that a name is nearly, and was probably meant to be. */
const meantScope = (scope: string): string | undefined =>
  builtinScopes.find((name) => name !== scope && isNearly(name, scope.toLowerCase()));
const slip = (meant: string): string => `there is no scope of this name; did you mean "${meant}"?`;

/** A scope whose id a run must be given. */
export const requiredScope = scopeName.check(({ value, issues }) => {
  const meant = meantScope(value);
  const hasNoId = value === 'run' || value === 'global';
  const message = meant ? slip(meant) : hasNoId ? `the scope ${value} has no id that a run could be given; leave it out` : undefined;
  if (message) issues.push({ code: 'custom', input: value, message });
});

/** Budgets by scope. A name that is nearly a built-in one is a slip, not a scope of the user's own. */
export const budgets = <B extends z.ZodType>(forScope: B): z.ZodType<Record<string, unknown>> =>
  z.record(scopeName, z.unknown(), { error: 'expected budgets by scope such as { run: { usd: 0.5 } }' }).check((context) => {
    for (const [scope, budget] of Object.entries(context.value)) {
      const meant = meantScope(scope);
      if (meant) {
        context.issues.push({ code: 'custom', path: [scope], input: scope, message: slip(meant) });
        continue;
      }
      const result = (scope === 'run' ? runBudget : forScope).safeParse(budget, { reportInput: true });
      if (!result.success)
        for (const issue of result.error.issues) context.issues.push({ ...issue, path: [scope, ...issue.path] } as never);
      else context.value[scope] = result.data;
    }
  });

/** Whether two names differ by one slip: a letter left out, added, changed, two swapped, or a plural. */
function isNearly(name: string, other: string): boolean {
  if (name === other) return true;
  if (Math.abs(name.length - other.length) > 1 || name.length < 4) return other === `${name}s`;
  let start = 0;
  while (start < name.length && name[start] === other[start]) start += 1;
  const [restA, restB] = [name.slice(start), other.slice(start)];
  return (
    restA.slice(1) === restB ||
    restA === restB.slice(1) ||
    restA.slice(1) === restB.slice(1) ||
    (restA[0] === restB[1] && restA[1] === restB[0] && restA.slice(2) === restB.slice(2))
  );
}
