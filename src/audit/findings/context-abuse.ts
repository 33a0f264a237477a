import type { StepEndEntry } from '../log/entry.ts';
import { isModelStep } from './model-step.ts';
import type { Finding } from './finding.ts';
import { groups } from './groups.ts';
import type { PartCost } from './part-cost.ts';
import type { SplitInput } from './carried-tokens.ts';
import { tokensText } from './words.ts';

/** More new text than this in one call is a document, not a question: about twelve pages. */
const DOCUMENT_TOKENS = 8_000;

/** Whole documents in a call: novels pasted by users, files and pages put in as they are. Costs what lies above 8,000 new tokens. */
export function contextAbuse(costOf: PartCost) {
  const found = groups<[feature: string, model: string], { calls: number; largest: number; nanoUsd: number; tokens: number }>(() => ({
    calls: 0,
    largest: 0,
    nanoUsd: 0,
    tokens: 0,
  }));
  return {
    add(step: StepEndEntry, { fresh }: SplitInput): void {
      if (!isModelStep(step) || fresh <= DOCUMENT_TOKENS) return;
      const group = found.of(step.scopes['feature'] ?? '', step.name);
      group.calls += 1;
      group.largest = Math.max(group.largest, fresh);
      group.tokens += fresh - DOCUMENT_TOKENS;
      group.nanoUsd += costOf(step, { inputTokens: fresh - DOCUMENT_TOKENS });
    },
    findings(): Finding[] {
      return found.entries().map(([[feature, model], { calls, largest, nanoUsd, tokens }]) => ({
        pattern: 'context-abuse',
        where: { feature, model },
        what: `${calls} ${calls === 1 ? 'call' : 'calls'} brought in more than ${tokensText(DOCUMENT_TOKENS)} new tokens at once, the largest ${tokensText(largest)}`,
        nanoUsd,
        facts: { calls, largestTokens: largest, tokensAbove: tokens },
        remedy: 'limit what comes in (input: { maxTokens, onExcess }), and retrieve the pages that matter instead of sending all',
      }));
    },
  };
}
