/** The chunk store suite over every engine. */
import { openMemoryStore } from "../../roles/seeder/store/memory_store.ts";
import { chunkStoreSuite } from "./chunk_store_suite.ts";

chunkStoreSuite("memory store", () => {
  const store = openMemoryStore();
  return Promise.resolve({
    open: () => Promise.resolve(store),
    keeps: false,
    damage: (_, chunkId) => Promise.resolve(store.damage(chunkId)),
    openSmall: (bytes) => Promise.resolve(openMemoryStore({ totalBytes: bytes })),
    remove: () => Promise.resolve(),
  });
});
