package org.iommu4j.backend.capture;

import java.util.List;
import java.util.Map;

/**
 * How the gaps of a capture are filled whose emulator did not tell everything.
 *
 * <p>Without table reads, a page's entry is known by its translation: a walk through the memory of the stopped machine tells where it
 * stands, and the translation what it held. A command without bytes is replaced by one that drops at least as much.
 *
 * @param domainKeys keys of a translation record that name the address space in force, as its domain id or ASID; a capture may
 *     have none of them
 * @param entries the forms of entries of pages
 * @param substitutes by the name of a command the bytes, in hex, of one that drops at least as much whatever its operands were
 */
public record GapRecords(List<String> domainKeys, List<Entry> entries, Map<String, String> substitutes) {
    /** A model that says nothing: its captures have to be complete. */
    public static final GapRecords NONE = new GapRecords(List.of(), List.of(), Map.of());

    /** Copies the collections. */
    public GapRecords {
        domainKeys = List.copyOf(domainKeys);
        entries = List.copyOf(entries);
        substitutes = Map.copyOf(substitutes);
    }

    /**
     * The entry of a page of one size at one level. The page's address stands in its own place in it.
     *
     * @param step the entry's name as a {@link org.iommu4j.backend.WalkListener} is told
     * @param pageBytes size of the page, a power of two
     * @param words the other bits of the entry, by rights: 1 read, 2 write, 3 both
     */
    public record Entry(String step, long pageBytes, Map<Integer, Long> words) {
        /** Copies the map and checks the size. */
        public Entry {
            if (Long.bitCount(pageBytes) != 1) {
                throw new IllegalArgumentException(step + ": a page of " + pageBytes + " bytes");
            }
            words = Map.copyOf(words);
        }

        /**
         * The entry of a page.
         *
         * @param pa an address in the page
         * @param rights 1 read, 2 write, 3 both; others count as both
         */
        public long word(long pa, int rights) {
            return words.getOrDefault(rights, words.get(BOTH)) | (pa & -pageBytes);
        }
    }

    private static final int BOTH = 3;

    /** True if entries of pages have that name. */
    public boolean isLeaf(String step) {
        return entries.stream().anyMatch(entry -> entry.step().equals(step));
    }

    /** The form of the entry of that name for a page of that size; null if there is none. */
    public Entry entry(String step, long pageBytes) {
        return entries.stream()
                .filter(entry -> entry.step().equals(step) && entry.pageBytes() == pageBytes)
                .findFirst()
                .orElse(null);
    }
}
