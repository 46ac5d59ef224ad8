package org.iommu4j.intel.table;

import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;

/** How the addresses of one PASID are translated, VT-d 9.6: a PASID entry, decoded. One at a time, used again and again. */
public final class AddressSpace {
    private static final int FOUR_LEVELS = 4;
    private static final int FIVE_LEVELS = 5;

    private final int mgawBits;
    private final boolean walksCanBeSnooped;

    private int type;
    private int domain;
    private long secondStageTable;
    private int secondStageLevels;
    private long lastSecondStageAddress;
    private boolean secondStageFlags;
    private long firstStageTable;
    private int firstStageLevels;
    private boolean extendedAccessed;
    private boolean supervisorAllowed;
    private boolean writeProtected;
    private boolean walkSnooped;

    /** A space of a unit, before anything is decoded. */
    public AddressSpace(VtdCapabilities unit) {
        mgawBits = Cap.MGAW.getInt(unit.cap()) + 1;
        walksCanBeSnooped = Ecap.SMPWCS.isSet(unit.ecap());
    }

    /** Takes the first three words of an entry that is legal. */
    public void decode(long word0, long word1, long word2) {
        type = PasidEntry.PGTT.getInt(word0);
        domain = PasidEntry.DID.getInt(word1);
        secondStageTable = PasidEntry.SSPTPTR.get(word0);
        secondStageLevels = Agaw.levels(PasidEntry.AW.getInt(word0));
        lastSecondStageAddress = lastAddress(mgawBits, PasidEntry.AW.getInt(word0));
        secondStageFlags = PasidEntry.SSADE.isSet(word0);
        firstStageTable = PasidEntry.FSPTPTR.get(word2);
        firstStageLevels = PasidEntry.FSPM.isSet(word2) ? FIVE_LEVELS : FOUR_LEVELS;
        extendedAccessed = PasidEntry.EAFE.isSet(word2);
        supervisorAllowed = PasidEntry.SRE.isSet(word2);
        writeProtected = PasidEntry.WPE.isSet(word2);
        walkSnooped = walksCanBeSnooped && PasidEntry.PWSNP.isSet(word1);
    }

    /** The largest address that a second-stage table of a width translates, VT-d 3.7. */
    static long lastAddress(int mgawBits, int aw) {
        return (1L << Math.min(Agaw.width(Math.min(aw, Agaw.MAX_AW)), mgawBits)) - 1;
    }

    /** PGTT. */
    public int type() {
        return type;
    }

    /** True if a first-stage table is used. */
    public boolean hasFirstStage() {
        return type == PasidEntry.FIRST_STAGE || type == PasidEntry.NESTED;
    }

    /** Domain id. */
    public int domain() {
        return domain;
    }

    /** The second-stage table. */
    public long secondStageTable() {
        return secondStageTable;
    }

    /** Levels of the second-stage table. */
    public int secondStageLevels() {
        return secondStageLevels;
    }

    /** The largest address that the second stage translates. */
    public long lastSecondStageAddress() {
        return lastSecondStageAddress;
    }

    /** SSADE: accessed and dirty flags of the second stage are set. */
    public boolean secondStageFlags() {
        return secondStageFlags;
    }

    /** The first-stage table; one of the guest if nested. */
    public long firstStageTable() {
        return firstStageTable;
    }

    /** Levels of the first-stage table, 4 or 5. */
    public int firstStageLevels() {
        return firstStageLevels;
    }

    /** EAFE: extended accessed flags of the first stage are set. */
    public boolean extendedAccessed() {
        return extendedAccessed;
    }

    /** SRE: supervisor requests are allowed. */
    public boolean supervisorAllowed() {
        return supervisorAllowed;
    }

    /** WPE: the write permission of a page counts for supervisor requests too. */
    public boolean writeProtected() {
        return writeProtected;
    }

    /** True if walks are snooped, so that flags of entries can be set. */
    public boolean walkSnooped() {
        return walkSnooped;
    }
}
