import {
  cheaperModel,
  dimensions,
  handoff,
  heldBackCall,
  lighterReasoning,
  notice,
  shorterReplies,
  summarizedHistory,
  trimmedContext,
  webhookHandoff,
  wrapUp,
  type LadderOption,
  type Rung,
} from 'holdfast';
import { z } from 'zod';
import { secret, type Secrets } from './secret.ts';

const share = z.number().min(0).max(1);
const tokens = z.int().min(1);
const pressure = {
  at: share.optional().describe('the spend pressure from which on it is climbed, 0 to 1'),
  on: z.array(z.enum(dimensions)).optional().describe('the dimensions that it compares'),
  scopes: z.array(z.string()).optional().describe('whose accounts it compares; default run, session, user'),
};

/** The rungs that can be done from outside of the process that makes the calls. */
const rung = z.discriminatedUnion('rung', [
  z.strictObject({ rung: z.literal('notice'), ...pressure, most: z.int().min(1).optional() }),
  z.strictObject({ rung: z.literal('cheaperModel'), ...pressure, to: z.union([z.string(), z.array(z.string()).min(1)]) }),
  z.strictObject({
    rung: z.literal('lighterReasoning'),
    ...pressure,
    effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh']).optional(),
    maxTokens: tokens.optional(),
  }),
  z.strictObject({
    rung: z.literal('shorterReplies'),
    ...pressure,
    maxOutputTokens: tokens.optional(),
    instruction: z.union([z.string(), z.literal(false)]).optional(),
  }),
  z.strictObject({
    rung: z.literal('trimmedContext'),
    ...pressure,
    resultTokens: tokens.optional(),
    recentResultTokens: tokens.optional(),
    maxTokens: tokens.optional(),
    keepLast: tokens.optional(),
  }),
  z.strictObject({
    rung: z.literal('summarizedHistory'),
    ...pressure,
    maxTokens: tokens.optional(),
    keepLast: tokens.optional(),
    minTokens: tokens.optional(),
  }),
  z
    .strictObject({ rung: z.literal('heldBackCall'), most: z.int().min(1).optional(), awayFor: z.int().min(1).optional() })
    .describe('takes a tool that loops away for some model calls'),
  z.strictObject({
    rung: z.literal('wrapUp'),
    reserve: z.number().min(0).max(0.5).optional().describe('the share of a run that is kept back for its last answer'),
    maxOutputTokens: tokens.optional(),
  }),
  z.strictObject({
    rung: z.literal('handoff'),
    url: z.string().describe('an https: address that is sent the run'),
    secret: secret.describe('signs what is sent; at least 16 bytes'),
    timeoutMs: z.int().min(1).optional(),
    lastMessages: z.int().min(0).optional(),
  }),
]);

const rungs = z.array(rung).max(32);

/** The ladder as JSON says it. */
export const ladderPart = z.union([
  z.enum(['gentle', 'standard', 'strict', 'shadow']),
  rungs,
  z.strictObject({ rungs, shadow: z.boolean().optional() }),
]);

type RungPart = z.infer<typeof rung>;

/** The ladder of the guard. @throws InvalidOptionError for figures that a rung cannot use */
export function ladderOf(part: z.infer<typeof ladderPart>, secrets: Secrets): LadderOption {
  if (typeof part === 'string') return part;
  if ('rungs' in part) return { rungs: part.rungs.map((each) => rungOf(each, secrets)), shadow: part.shadow };
  return part.map((each) => rungOf(each, secrets));
}

function rungOf(part: RungPart, secrets: Secrets): Rung {
  switch (part.rung) {
    case 'notice':
      return notice(optionsOf(part));
    case 'cheaperModel':
      return cheaperModel(part.to, optionsOf(part));
    case 'lighterReasoning':
      return lighterReasoning(optionsOf(part));
    case 'shorterReplies':
      return shorterReplies(optionsOf(part));
    case 'trimmedContext':
      return trimmedContext(optionsOf(part));
    case 'summarizedHistory':
      return summarizedHistory(optionsOf(part));
    case 'heldBackCall':
      return heldBackCall(optionsOf(part));
    case 'wrapUp':
      return wrapUp(optionsOf(part));
    case 'handoff':
      return handoff(webhookHandoff(part.url, { secret: secrets(part.secret, 'ladder: secret of handoff') }), optionsOf(part));
  }
}

/** What the rung is given: all of it but its name. */
function optionsOf<P extends RungPart>(part: P): Omit<P, 'rung'> {
  const { rung: _name, ...options } = part;
  return options;
}
