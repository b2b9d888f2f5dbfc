// Every input at the door: right, refused by name, or seen by a certificate.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { doors, pageWithDoors, tryDoor } from "../stress/doors.mjs";

const entries = await doors();

describe("faults at the door", () => {
  it.each(entries.map((entry) => [`${entry.package}: ${entry.given}`, entry]))(
    "%s",
    async (_, entry) => {
      const { outcome, seen } = await tryDoor(entry);
      expect(seen).toBeUndefined();
      expect(outcome).toBe(entry.outcome);
    },
  );

  it("are on the page as they are here", async () => {
    const page = readFileSync(new URL("../../docs/guides/faults.md", import.meta.url), "utf8");
    expect(page).toBe(await pageWithDoors(entries, page));
  });
});
