import { chat } from './protocols/chat.ts';
import { completions } from './protocols/completions.ts';
import { embeddings } from './protocols/embeddings.ts';
import { messages } from './protocols/messages.ts';
import type { Protocol } from './protocols/protocol.ts';
import { responses } from './protocols/responses.ts';

/** The ends of paths that reach a model. Hosts put versions, deployments and prefixes of their own before them. */
const protocols: readonly (readonly [end: string, Protocol])[] = [
  ['/chat/completions', chat],
  ['/responses', responses],
  ['/messages', messages],
  ['/embeddings', embeddings],
  ['/completions', completions],
];

/** How a request speaks to a model, or undefined where it speaks to none. */
export function protocolFor(method: string, { pathname }: URL): Protocol | undefined {
  if (method !== 'POST') return undefined;
  const path = pathname.replace(/\/+$/, '');
  // A message in one of OpenAI's threads is a note, and no call.
  if (path.includes('/threads/')) return undefined;
  return protocols.find(([end]) => path.endsWith(end))?.[1];
}
