/** Why a file could not be read, in words that say what to do. */
export function fileProblem(error: unknown): string {
  const { code } = error as { code?: unknown };
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EISDIR') return 'is a folder; name the logs in it';
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read: permission denied';
  return error instanceof Error ? error.message : String(error);
}
