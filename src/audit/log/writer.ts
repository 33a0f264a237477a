/** Where the log's text goes. */
export interface Writer {
  /**
   * Writes a text after all before it. When it rejects, the writer keeps what it has not written: `append('')` tries again.
   * Nothing is written twice, and nothing in part.
   */
  append(text: string): Promise<void>;
  /** The same, at once: for the moment in which the process ends. Absent where the target cannot. */
  appendNow?(text: string): void;
  close(): Promise<void>;
}
