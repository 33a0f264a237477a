import type { MessageView } from '../core/step.ts';
import type { Verdict } from '../core/verdict.ts';
import { argsText } from './same-call.ts';
import { oneLine } from './shorten.ts';

interface Line {
  readonly text: string;
  /** Failures survive before findings, findings before words. */
  readonly weight: number;
}

const failure = /\b(error|exception|failed|failure|denied|forbidden|not found|timed? ?out|invalid|refused)\b/i;

/**
 * A summary made of the messages themselves, without a model: what was asked, decided, called and found, and what failed,
 * a line each, newest and failures first to stay when room is short.
 */
export function extractiveSummary(messages: readonly MessageView[], maxTokens: number, count: (text: string) => number): string {
  const lines = messages.flatMap((message) => linesOf(message));
  const order = lines.map((_, place) => place).sort((a, b) => (lines[b]?.weight ?? 0) - (lines[a]?.weight ?? 0) || b - a);
  const kept = new Set<number>();
  const seen = new Set<string>();
  let tokens = 0;
  for (const place of order) {
    const text = lines[place]?.text ?? '';
    const cost = count(text) + 1;
    if (seen.has(text) || tokens + cost > maxTokens) continue;
    seen.add(text);
    kept.add(place);
    tokens += cost;
  }
  return lines
    .filter((_, place) => kept.has(place))
    .map(({ text }) => text)
    .join('\n');
}

function linesOf({ role, text, name, toolCalls }: MessageView): Line[] {
  const words = oneLine(text, 240);
  if (role === 'tool') {
    const isFailure = failure.test(text.slice(0, 400));
    return [
      {
        text: `- ${name ?? 'a tool'} ${isFailure ? 'failed' : 'gave'}: ${oneLine(text, isFailure ? 200 : 160)}`,
        weight: isFailure ? 3 : 2,
      },
    ];
  }
  const calls = (toolCalls ?? []).map(({ name: tool, args }): Line => ({
    text: `- called ${tool}(${oneLine(argsText(args), 100)})`,
    weight: 1,
  }));
  const speaker = role === 'user' ? 'the user said' : 'the assistant said';
  return [...(words === '' ? [] : [{ text: `- ${speaker}: ${words}`, weight: role === 'user' ? 3 : 2 }]), ...calls];
}

/** What a loop has tried in vain, so that the next attempt differs. */
export function triedInVain(verdict: Verdict): string {
  const calls = new Set(verdict.evidence().map(({ name, args }) => `${name}(${oneLine(argsText(args), 100)})`));
  const listed = [...calls].slice(-5).map((call) => `- ${call}`);
  return ['Tried in vain, do something different:', ...(listed.length > 0 ? listed : [`- ${verdict.reason}`])].join('\n');
}

/** An answer for the user out of what a run has found so far, without a model. */
export function extractiveAnswer(messages: readonly MessageView[], reason: string): string {
  const said = messages.findLast(({ role, text }) => role === 'assistant' && text.trim() !== '');
  const found = messages.filter(({ role, text }) => role === 'tool' && text.trim() !== '').slice(-3);
  return [
    `This could not be finished: ${reason}.`,
    ...(said ? [`Where it stood: ${oneLine(said.text, 800)}`] : []),
    ...(found.length > 0 ? ['Found last:', ...found.map(({ name, text }) => `- ${name ?? 'a tool'}: ${oneLine(text, 300)}`)] : []),
  ].join('\n');
}
