import type { GuardOptions } from 'holdfast';
import { z } from 'zod';

/**
 * The guard's options as far as JSON can say them: what an editor is told of them. What counts is checked by `createGuard`
 * itself; this is its shape for the JSON schema.
 */

const lengthOfTime = z
  .string()
  .regex(/^\d+(?:\.\d+)?(?:ms|s|m|h|d)$/)
  .describe('a length of time: "500ms", "30s", "2m", "1.5h", "7d"');
const count = z.int().min(0);
const share = z.number().min(0).max(1);

const limitFields = {
  usd: z.number().min(0).optional().describe('dollars'),
  tokens: count.optional().describe('input and output tokens together'),
  inputTokens: count.optional(),
  outputTokens: count.optional(),
  reasoningTokens: count.optional(),
  steps: count.optional().describe('model calls and tool calls together'),
  modelCalls: count.optional(),
  toolCalls: count.optional(),
};
const limits = z.strictObject(limitFields);

const onStoreError = z.enum(['closed', 'open', 'local']);
const onExpire = z.enum(['release', 'charge']);
const alertAt = z.array(share).max(16).describe('shares of a limit at which an alert fires');
const policyFields = {
  alertAt: alertAt.optional(),
  headroom: z.number().min(0).max(0.9).optional().describe('the share of usd and token limits that is never used'),
  onExpire: onExpire.optional(),
  onStoreError: onStoreError.optional(),
};

const units = ['minute', 'hour', 'day', 'week', 'month'] as const;
const budgetWindow = z.union([
  z.enum(['lifetime', ...units]),
  z.strictObject({
    every: z.enum(units),
    timeZone: z.string().optional().describe('an IANA time zone such as "Europe/Berlin"'),
    weekStart: z.enum(['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']).optional(),
  }),
  z.strictObject({ rolling: lengthOfTime }),
]);

const scopeBudget = z.strictObject({
  ...limitFields,
  ...policyFields,
  window: budgetWindow.optional().describe('the stretch of time over which it counts; default: for ever'),
  per: z.record(z.string(), limits).optional().describe('limits of single ids that differ'),
});

const budgets = z
  .object({
    run: z
      .strictObject({ ...limitFields, ...policyFields, duration: lengthOfTime.optional() })
      .optional()
      .describe('one run of an agent'),
    session: scopeBudget.optional().describe('one conversation'),
    user: scopeBudget.optional(),
    feature: scopeBudget.optional(),
    tenant: scopeBudget.optional(),
    global: scopeBudget.optional().describe('everything at once'),
  })
  .catchall(scopeBudget)
  .describe('limits by scope; default: 250 steps for a run');

const rates = z.looseObject({ input: z.number().min(0), output: z.number().min(0) }).describe('USD per million tokens');

const loops = z.union([
  z.enum(['gentle', 'standard', 'strict', 'off']),
  z.strictObject({
    preset: z.enum(['gentle', 'standard', 'strict', 'off']).optional(),
    warnAt: z.number().min(2).optional(),
    haltAt: z.number().min(2).optional(),
    without: z.array(z.string()).optional(),
  }),
]);

const toolPolicy = z.strictObject({
  poll: z.union([z.boolean(), lengthOfTime]).optional().describe('the tool waits for something: it is judged by time'),
  loopKey: z
    .union([z.literal(false), z.array(z.string())])
    .optional()
    .describe('the fields that make two calls the same; false: never a loop'),
  sideEffects: z.boolean().optional(),
  maxRepeats: z.int().min(1).optional(),
  ignore: z.array(z.string()).optional(),
  usd: z.number().min(0).optional().describe('what one call costs'),
});

const inputLimit = {
  maxTokens: z.int().min(1).optional(),
  onExcess: z.union([z.enum(['reject', 'trim']), z.strictObject({ reject: z.string() })]).optional(),
  toolResults: z.strictObject({ maxTokens: z.int().min(1) }).optional(),
};

/** The guard's options without its ladder, which JSON says in words of its own. */
export const guardFields = {
  budgets: budgets.optional(),
  loops: loops.optional().describe('how soon loops are acted on; default "standard"'),
  tools: z.record(z.string(), toolPolicy).optional().describe('what is known of single tools'),
  input: z
    .strictObject({ ...inputLimit, per: z.record(z.string(), z.strictObject(inputLimit)).optional() })
    .optional()
    .describe('how large the input of one model call may be'),
  prices: z.record(z.string(), rates).optional().describe('prices by model name, which may end in *'),
  margin: z.number().min(0).max(2).optional(),
  maxOutputTokens: z.int().min(1).optional().describe('the output cap of a call that names none'),
  minUseful: z.int().min(1).optional(),
  allowUnpriced: z.boolean().optional().describe('let models without a known price run under a usd budget'),
  concurrency: z
    .union([z.int().min(1), z.strictObject({ guard: z.int().min(1).optional(), run: z.int().min(1).optional() })])
    .optional()
    .describe('model calls in flight at once'),
  alertAt: alertAt.optional(),
  headroom: z.number().min(0).max(0.9).optional(),
  requireScopes: z.array(z.string()).optional().describe('scopes whose id must be given'),
  holdTtl: lengthOfTime.optional(),
  onExpire: onExpire.optional(),
  onStoreError: onStoreError.optional(),
  storeTimeout: lengthOfTime.optional(),
};

/** What JSON cannot say: functions, and what the proxy says in its own words. */
type NotInJson = 'ladder' | 'store' | 'fallback' | 'clock' | 'tokenizers' | 'detectors';
type Missing = Exclude<keyof GuardOptions<string>, keyof typeof guardFields | NotInJson>;
/** Fails to compile when the guard has an option that JSON could say and that is not told here. */
export const isComplete: Missing extends never ? true : Missing = true;
