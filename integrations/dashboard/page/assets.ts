import { markup } from './markup.ts';
import { script } from './script.ts';
import { styles } from './styles.ts';

/** What the page is made of, by its path. */
export const assets: Readonly<Record<string, { readonly type: string; readonly body: string }>> = {
  '/': { type: 'text/html; charset=utf-8', body: markup },
  '/style.css': { type: 'text/css; charset=utf-8', body: styles },
  '/app.js': { type: 'text/javascript; charset=utf-8', body: script },
};

/** Nothing but what this server gives may be loaded, run or asked; nobody may frame the page. */
export const pageHeaders: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};
