package org.iommu4j.contract;

import java.util.Locale;

/**
 * The effect of one command of a vendor part: the form in the middle between the vendor parts of a model's generations. It says which
 * cached things are gone when the request is complete, by tags, addresses and levels, and has no generation's bits. A flyweight that
 * its owner reuses; what is not narrowed is wide.
 */
public final class Effect {
    /** Kinds of cached things. */
    public enum Target {
        /** Nothing: a command that only waits. */
        NOTHING,
        /** Not known: a command that has the same bits in all generations, as an answer to a stalled transaction. */
        CARRIED,
        /** Translations of addresses, with the table entries that lead to them. */
        TRANSLATIONS,
        /** Context descriptors or PASID entries, by which a space has its table. */
        CONTEXTS,
        /** Translations in the TLBs of devices. */
        DEVICE_TLBS
    }

    /** In place of a space or a requester: any. */
    public static final int ANY = -1;

    /** In place of a space: that of requests without a PASID. */
    public static final int NO_PASID = -2;

    private Target target = Target.NOTHING;
    private int space = ANY;
    private int requester = ANY;
    private boolean globals;
    private long first;
    private long last;
    private int granuleShift;
    private int level;
    private boolean leafOnly;
    private long word0;
    private long word1;

    /** Everything of a kind. */
    public Effect all(Target kind) {
        target = kind;
        space = ANY;
        requester = ANY;
        globals = true;
        first = 0;
        last = -1L;
        granuleShift = 0;
        level = 0;
        leafOnly = false;
        word0 = 0;
        word1 = 0;
        return this;
    }

    /** A command that has the same bits in all generations. */
    public Effect carried(long firstWord, long secondWord) {
        all(Target.CARRIED);
        word0 = firstWord;
        word1 = secondWord;
        return this;
    }

    /**
     * Only of one space.
     *
     * @param number an ASID or a PASID as the model tags such entries, {@link #NO_PASID}, or {@link #ANY}
     * @param andGlobals true if entries that all spaces share go, too
     */
    public Effect ofSpace(int number, boolean andGlobals) {
        space = number;
        globals = andGlobals;
        return this;
    }

    /** Only of one device. */
    public Effect ofRequester(int id) {
        requester = id;
        return this;
    }

    /** Only of addresses from one to another, both inclusive, unsigned. */
    public Effect within(long firstAddress, long lastAddress) {
        first = firstAddress;
        last = lastAddress;
        return this;
    }

    /**
     * Only of tables of one granule. Without one an address means the leaf that holds it, of whatever size.
     *
     * @param shift log2 of its bytes
     * @param ofLevel only of leaves at this level, as the model numbers them; 0 for all
     */
    public Effect ofGranule(int shift, int ofLevel) {
        granuleShift = shift;
        level = ofLevel;
        return this;
    }

    /** Only of the last level, if that is so. */
    public Effect leafOnly(boolean only) {
        leafOnly = only;
        return this;
    }

    /** Makes it the same as another. */
    public Effect copy(Effect other) {
        target = other.target;
        space = other.space;
        requester = other.requester;
        globals = other.globals;
        first = other.first;
        last = other.last;
        granuleShift = other.granuleShift;
        level = other.level;
        leafOnly = other.leafOnly;
        word0 = other.word0;
        word1 = other.word1;
        return this;
    }

    /** Kind of things that are dropped. */
    public Target target() {
        return target;
    }

    /** An ASID or PASID, {@link #ANY} or {@link #NO_PASID}. */
    public int space() {
        return space;
    }

    /** The device, or {@link #ANY}. */
    public int requester() {
        return requester;
    }

    /** True if entries that all spaces share go, too. */
    public boolean globals() {
        return globals;
    }

    /** First address, unsigned. */
    public long first() {
        return first;
    }

    /** Last address, inclusive, unsigned. */
    public long last() {
        return last;
    }

    /** True if there is no address that is not meant. */
    public boolean isEverywhere() {
        return first == 0 && last == -1L && granuleShift == 0;
    }

    /** True if there is nothing of its kind that is not meant. */
    public boolean isAll() {
        return isEverywhere() && space == ANY && requester == ANY;
    }

    /** log2 of the granule in bytes; 0 if tables of any granule are meant. */
    public int granuleShift() {
        return granuleShift;
    }

    /** Level of the leaves; 0 for any. */
    public int level() {
        return level;
    }

    /** True if only entries of the last level need to go. */
    public boolean isLeafOnly() {
        return leafOnly;
    }

    /** First word of a command that is carried over. */
    public long word0() {
        return word0;
    }

    /** Second word of a command that is carried over. */
    public long word1() {
        return word1;
    }

    /**
     * True if whatever another effect drops at an address goes by this one, too.
     *
     * @param address one that {@code other} names
     */
    public boolean covers(Effect other, long address) {
        return target == other.target
                && (space == ANY || space == other.space)
                && (requester == ANY || requester == other.requester)
                && (globals || !other.globals)
                && (granuleShift == 0 || granuleShift == other.granuleShift)
                && (level == 0 || level == other.level)
                && (!leafOnly || other.leafOnly)
                && word0 == other.word0
                && word1 == other.word1
                && Long.compareUnsigned(first & ~withinLeaf(other), address) <= 0
                && Long.compareUnsigned(address, lastFor(other)) <= 0;
    }

    /** The last address of this one as far as tables are concerned that another effect means, inclusive, unsigned. */
    public long lastFor(Effect other) {
        return last | withinLeaf(other);
    }

    /** Address bits within a leaf: an address without a granule means the leaf that holds it, and that has at least the other's granule. */
    private long withinLeaf(Effect other) {
        return granuleShift == 0 && other.granuleShift != 0 ? (1L << other.granuleShift) - 1 : 0;
    }

    /** The effect in words, for messages. */
    @Override
    public String toString() {
        if (target == Target.CARRIED) {
            return String.format("carried over: %016x %016x", word0, word1);
        }
        StringBuilder text =
                new StringBuilder(target.name().toLowerCase(Locale.ROOT).replace('_', ' '));
        if (space != ANY) {
            text.append(space == NO_PASID ? " without PASID" : " of space " + space);
        }
        if (globals && space != ANY) {
            text.append(" and those of all");
        }
        if (requester != ANY) {
            text.append(String.format(" of device 0x%x", requester));
        }
        if (!isEverywhere()) {
            text.append(String.format(" from 0x%x to 0x%x", first, last));
        }
        if (granuleShift != 0) {
            text.append(" of granules of 2^").append(granuleShift).append(" bytes");
        }
        if (level != 0) {
            text.append(" at level ").append(level);
        }
        return text.append(leafOnly ? ", last level only" : "").toString();
    }
}
