package org.iommu4j.backend;

import java.util.function.Function;
import java.util.function.LongPredicate;
import org.iommu4j.layout.Layout;
import org.osgi.annotation.versioning.ProviderType;

/**
 * Sees what a chip takes from tables, keeps and drops, so that somebody can judge it. A chip gets it from
 * {@link Platform#sanitizer} when it is made and, unless it is null, tells everything that the architecture lets it keep,
 * whether it has room for it or not.
 *
 * <p>An access goes {@link #begins}, then {@link #hit}, {@link #missed} and {@link #filled} in the order in which the chip
 * looks and reads, then {@link #ends}. What a fill depends on need not be told: it is what the chip read from
 * {@link Platform#memory} for it, and what the entries that it hit on the way depend on. What the chip writes to tables
 * between begin and end (accessed and dirty bits) is no edit.
 *
 * <p>A command goes {@link #invalidates}, once for each thing that it has to remove, then {@link #invalidated}; later
 * {@link #completed}.
 */
@ProviderType
public interface TranslationObserver {
    /** Any tag, or any PASID. */
    int ANY = Integer.MIN_VALUE;

    /** All words that were read. */
    int ALL = Integer.MAX_VALUE;

    /** The observer of a machine that nobody observes. */
    static TranslationObserver nobody() {
        return NoObserver.INSTANCE;
    }

    /** A chip begins, or goes on from a snapshot, with empty caches. */
    void started(InvalidationRules rules);

    /**
     * The chip begins to translate.
     *
     * @param root where its first table is, as its registers say
     */
    void begins(DmaAccess access, long root);

    /**
     * The chip uses what it kept.
     *
     * @param tag domain id, VMID and ASID and so on, as the chip tags it; unsigned
     * @param pasid the PASID, or -1
     * @param first first address of the entry; the requester for {@link CachedKind#CONTEXT}
     * @param lengthBytes size of the page, a power of two; 1 where the entry is no page
     */
    void hit(CachedKind kind, long tag, int pasid, long first, long lengthBytes);

    /**
     * The chip looked for an entry and found none.
     *
     * @param tag as the chip tags it, or {@link #ANY} while it is not known
     * @param address any address in the page; the requester for {@link CachedKind#CONTEXT}
     */
    void missed(CachedKind kind, long tag, int pasid, long address);

    /**
     * The chip read something that it may keep.
     *
     * @param tag as the chip tags it
     * @param pasid the PASID, or -1
     * @param first first address of the entry; the requester for {@link CachedKind#CONTEXT}
     * @param lengthBytes size of the page, a power of two; 1 where the entry is no page
     * @param target the table or page to which it leads
     * @param words how many of the words read since the last hit or fill of another kind it depends on, or {@link #ALL}
     */
    void filled(CachedKind kind, long tag, int pasid, long first, long lengthBytes, long target, int words);

    /**
     * The chip read an entry of a table for the access that it is translating. Says which of its bits mean something, in which
     * byte order, and which values lead nowhere; without it a word is taken as it was read, and leads nowhere if it is zero.
     *
     * @param layout the entry's; shorter than 64 bits where several share a word
     * @param pa where it begins
     */
    default void read(Layout layout, long pa) {
        // Of an entry without a format the words alone are known.
    }

    /**
     * A listener of one walk that {@link #read}s each entry, and passes its steps on.
     *
     * @param next who listens too, or null
     * @param formats the layout of an entry by the name that the walk gives it; null for none
     */
    default WalkListener reading(WalkListener next, Function<String, Layout> formats) {
        return (what, pa, word) -> {
            Layout layout = formats.apply(what);
            if (layout != null) {
                read(layout, pa);
            }
            if (next != null) {
                next.step(what, pa, word);
            }
        };
    }

    /**
     * A device presents an address as translated: it uses a translation that it keeps itself, {@link CachedKind#DEVICE}.
     *
     * @param tag as the device's translations are tagged
     * @param pasid the PASID, or -1
     * @param target the address, which a translation led to
     */
    default void presented(long tag, int pasid, long target) {
        // An observer that does not follow device TLBs has nothing to look for.
    }

    /** The access is over. */
    void ends();

    /**
     * One thing that the architecture has the command remove that is being carried out.
     *
     * @param tag or {@link #ANY}
     * @param pasid the PASID, -1 for what has none, or {@link #ANY}
     * @param first first address, unsigned; a requester for {@link CachedKind#CONTEXT}
     * @param last last address, unsigned
     */
    void invalidates(CachedKind kind, long tag, int pasid, long first, long last);

    /**
     * The command that is being carried out leaves entries of some tags, whatever {@link #invalidates} says of {@link #ANY} tag. Told
     * before it.
     *
     * @param tags true for a tag whose entries stay
     */
    default void spares(LongPredicate tags) {
        // An observer that does not know it takes more for dropped than is.
    }

    /**
     * A command was carried out.
     *
     * @param name as the architecture calls it
     * @param word0 its first word, or the register that started it
     * @param word1 its second word, or 0
     * @param dropped entries that the chip dropped for it
     */
    void invalidated(String name, long word0, long word1, long dropped);

    /**
     * Something was carried out that is no invalidation, as a call that stores an entry, but had to drop what
     * {@link #invalidates} told before it. It is never superfluous.
     *
     * @param name as the architecture calls it
     * @param word0 its first word
     * @param word1 its second word, or 0
     * @param dropped entries that the chip dropped for it
     */
    default void implied(String name, long word0, long word1, long dropped) {
        invalidated(name, word0, word1, dropped);
    }

    /**
     * The architecture has software invalidate everything of a kind next, whatever there is to drop: the next command that
     * does so is not superfluous.
     *
     * @param tag of what has to be invalidated, or {@link #ANY}
     */
    default void demands(CachedKind kind, long tag) {
        // An observer that does not count superfluous commands need not know.
    }

    /**
     * The chip dropped all but what devices keep, for something that is no invalidation, as turning translation off; it is
     * complete at once.
     *
     * @param cause what it was
     * @param value the register's value
     * @param dropped entries that the chip dropped
     */
    void droppedAll(String cause, long value, long dropped);

    /** Software can know that all commands so far are complete. */
    void completed();
}
