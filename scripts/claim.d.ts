import "vitest";

declare module "vitest" {
  interface TaskMeta {
    /** What a theorem or a publication says, and what this test measured; `npm run claims` puts them on a page. */
    claim?: {
      /** The statement, in a sentence. */
      readonly says: string;
      /** Where it is stated: authors, year, number. */
      readonly source: string;
      /** What the test found, with numbers. */
      readonly measured: string;
    };
  }
}
