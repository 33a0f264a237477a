import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { sceneNames, type Door, type SceneName } from './door.ts';
import { scenes } from './scene-list.ts';
import { stagesOf } from './stage.ts';

/**
 * Plays every scene that a door allows, and sees that `docs/doors.md` says the same of it: a tick, or why not.
 *
 * @example doorScenes({ name: 'holdfast/fetch, OpenAI Chat', allows: { ...allowsAll, handoff: 'no' }, tellsHalt: 'cause', open: … })
 */
export function doorScenes(door: Door): void {
  describe(door.name, () => {
    const open: { close?(): Promise<void> }[] = [];
    afterEach(async () => {
      for (const each of open.splice(0).toReversed()) await each.close?.();
    });
    const set = stagesOf(door, (each) => void open.push(each));
    for (const name of sceneNames) {
      const { title, play } = scenes[name];
      if (door.allows[name] === true) describe(title, () => play(set, door));
    }
    it('is told of in docs/doors.md', () => {
      const told = Object.fromEntries(sceneNames.map((name) => [name, docsCell(door.name, name)]));
      const allowed = Object.fromEntries(sceneNames.map((name) => [name, door.allows[name] === true ? '✓' : door.allows[name]]));
      expect(told).toEqual(allowed);
    });
  });
}

/** What the table of the docs says of a door. */
function docsCell(door: string, scene: SceneName): string | undefined {
  const docs = readFileSync(new URL('../../../docs/doors.md', import.meta.url), 'utf8');
  for (const line of docs.split('\n')) {
    const cells = line.split('|').map((cell) => cell.trim());
    if (cells[1]?.replaceAll('`', '') === door) return cells[2 + sceneNames.indexOf(scene)];
  }
  return undefined;
}
