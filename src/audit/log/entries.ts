import type { DenialFacts } from '../../core/halt.ts';
import { toNano } from '../../core/money.ts';
import type { GuardEvents, PromptPrint, RunInfo } from '../../runtime/events.ts';
import { AUDIT_VERSION, auditAmounts, type AuditedEvent, type AuditEntry, type AuditRun } from './entry.ts';
import { writtenId, type IdWriter } from './ids.ts';

/** `at`: when it happened; of use where the event itself does not tell. */
type Entries = { readonly [E in AuditedEvent]: (event: GuardEvents[E], at: number) => AuditEntry };

/** The entry of every event. Names, numbers, times and hashes go in, content never does: events have none. */
export function auditEntries(ids: IdWriter | undefined): Entries {
  const v = AUDIT_VERSION;
  const stamp = (at: number): { v: number; at: number } => ({ v, at });
  const runId = (id: string): string => writtenId(ids, id, 'run');

  // Made once for all the entries of a run.
  const known = new WeakMap<RunInfo, AuditRun>();

  function runOf(info: RunInfo): AuditRun {
    const made = known.get(info);
    if (made) return made;
    const { id, parentId, agent, tenant, scopes } = info;
    const run: AuditRun = {
      run: runId(id),
      parent: parentId === undefined ? undefined : runId(parentId),
      agent,
      tenant: writtenId(ids, tenant, 'tenant'),
      scopes: ids ? Object.fromEntries(Object.entries(scopes).map(([scope, given]) => [scope, writtenId(ids, given, scope)])) : scopes,
    };
    known.set(info, run);
    return run;
  }

  /** A short question could be guessed from its bare hash: where ids are hashed, questions are hashed with the same key. */
  const promptOf = (prompt: PromptPrint): PromptPrint =>
    ids === undefined
      ? prompt
      : {
          ...prompt,
          question: writtenId(ids, prompt.question, 'question'),
          instructions: writtenId(ids, prompt.instructions, 'instructions'),
        };

  const accountOf = <A extends { tenant: string; scope: string; id: string }>(account: A): A => ({
    ...account,
    tenant: writtenId(ids, account.tenant, 'tenant'),
    id: writtenId(ids, account.id, account.scope),
  });

  return {
    'run:start': ({ run }) => ({ ...stamp(run.startedAt), event: 'run:start', ...runOf(run) }),
    'run:end': ({ run, report }, at) => ({
      ...stamp(report.endedAt ?? at),
      event: 'run:end',
      ...runOf(run),
      durationMs: report.durationMs,
      used: auditAmounts(report.used),
      estimatedSteps: report.estimatedSteps,
      unpricedCalls: report.unpricedCalls,
      halted: report.halt?.cause,
    }),
    'run:halt': ({ run, halt }) => ({
      ...stamp(halt.at),
      event: 'run:halt',
      ...runOf(run),
      cause: halt.cause,
      step: halt.step,
      reason: halt.reason,
      ...(halt.denial ? { denial: accountOf<DenialFacts>(halt.denial) } : {}),
      ...(halt.input ? { input: halt.input } : {}),
    }),
    // The two entries of every step are written out: spreading takes several times as long.
    'step:start'({ run, step }) {
      const of = runOf(run);
      return {
        v,
        at: step.startedAt,
        event: 'step:start',
        run: of.run,
        parent: of.parent,
        agent: of.agent,
        tenant: of.tenant,
        scopes: of.scopes,
        step: step.index,
        round: step.round,
        kind: step.kind,
        name: step.name,
        held: auditAmounts(step.held),
        expected: {
          nanoUsd: toNano(step.expected.usd),
          inputTokens: step.expected.inputTokens,
          outputTokens: step.expected.outputTokens,
        },
        rungs: step.rungs,
      };
    },
    'step:end'({ run, step }) {
      const of = runOf(run);
      return {
        v,
        at: step.endedAt,
        event: 'step:end',
        run: of.run,
        parent: of.parent,
        agent: of.agent,
        tenant: of.tenant,
        scopes: of.scopes,
        step: step.index,
        round: step.round,
        kind: step.kind,
        name: step.name,
        held: auditAmounts(step.held),
        outcome: step.outcome,
        durationMs: step.endedAt - step.startedAt,
        used: auditAmounts(step.used),
        overage: auditAmounts(step.overage),
        usage: step.usage,
        attempts: step.attempts,
        isEstimated: step.isEstimated,
        isCached: step.isCached,
        sizes: step.sizes,
        priceSource: step.priceSource,
        prompt: step.prompt && promptOf(step.prompt),
      };
    },
    // A function is not written: `evidence` stays in the process.
    'loop:verdict': ({ run, verdict }, at) => ({ ...stamp(at), event: 'loop:verdict', ...runOf(run), ...verdict, evidence: undefined }),
    'ladder:climb': ({ run, step, rung, pressure, detail, isShadow }, at) => ({
      ...stamp(at),
      event: 'ladder:climb',
      ...runOf(run),
      step,
      rung,
      pressure,
      detail,
      isShadow,
    }),
    'budget:alert': (alert, at) => ({ ...stamp(at), event: 'budget:alert', ...accountOf(alert) }),
    'scope:missing': ({ scope, account }, at) => ({ ...stamp(at), event: 'scope:missing', what: `${scope} → ${account}` }),
    'store:error': ({ operation, policy, error }, at) => ({
      ...stamp(at),
      event: 'store:error',
      what: operation,
      policy,
      error: nameOf(error),
    }),
    'store:recovered': ({ settlements }, at) => ({ ...stamp(at), event: 'store:recovered', what: `settlements booked: ${settlements}` }),
    // A reservation is told by the run's own id and a number: it is left out.
    'hold:expired': (_, at) => ({ ...stamp(at), event: 'hold:expired', what: 'settled after its hold had expired' }),
    'usage:invalid': ({ run, step, problem }, at) => ({
      ...stamp(at),
      event: 'usage:invalid',
      run: runId(run.id),
      what: `step ${step}: ${problem}`,
    }),
    'hook:error': ({ hook, error }, at) => ({ ...stamp(at), event: 'hook:error', what: hook, error: nameOf(error) }),
  };
}

/** An error by its name and code: its message may hold anything. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' || typeof code === 'number' ? `${error.name} ${code}` : error.name;
}
