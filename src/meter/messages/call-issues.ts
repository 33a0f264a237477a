import type { InvalidOptionError } from '../../core/errors.ts';
import type { ModelCall } from '../../core/step.ts';

type Issues = InvalidOptionError['issues'];

const mediaKinds: readonly unknown[] = ['image', 'audio', 'file'];

/**
 * What of a call cannot be counted, each with its path and the remedy; nothing where the call is as its type says. Asked only when a
 * count has failed, so that a call that is well formed pays nothing for it. Tells the types of values, never a user's text.
 */
export function callIssues(call: ModelCall): Issues {
  const issues: { path: string; message: string; value: unknown }[] = [];
  const refuse = (path: string, remedy: string, value: unknown): void => {
    const type = value === null ? 'null' : typeof value;
    issues.push({ path, message: `${remedy}, got ${type}`, value: type });
  };
  const read = (owner: object, key: string, path: string): unknown => {
    try {
      return (owner as Record<string, unknown>)[key];
    } catch {
      issues.push({ path, message: 'cannot be read: its getter throws', value: undefined });
      return undefined;
    }
  };
  const eachOf = (owner: object, key: string, before: string, check: (item: object, path: string) => void): void => {
    const path = `${before}${key}`;
    const list = read(owner, key, path);
    if (list === undefined) return;
    if (!Array.isArray(list)) return refuse(path, 'give a list, or leave it out', list);
    for (const [index, item] of Array.from<unknown>(list).entries()) {
      if (typeof item === 'object' && item !== null) check(item, `${path}[${index}]`);
      else if (key !== 'tools') refuse(`${path}[${index}]`, 'give an object', item);
    }
  };

  const model = read(call, 'model', 'model');
  if (typeof model !== 'string') refuse('model', 'give the name of a model', model);
  eachOf(call, 'tools', '', () => {});
  eachOf(call, 'messages', '', (message, path) => {
    for (const key of ['text', 'name', 'ref']) read(message, key, `${path}.${key}`);
    eachOf(message, 'toolCalls', `${path}.`, (toolCall, at) => {
      for (const key of ['name', 'args']) read(toolCall, key, `${at}.${key}`);
    });
    eachOf(message, 'media', `${path}.`, (media, at) => {
      const kind = read(media, 'kind', `${at}.kind`);
      if (!mediaKinds.includes(kind)) refuse(`${at}.kind`, 'give image, audio or file', kind);
    });
  });
  return issues;
}
