package org.iommu4j.intel.translate;

import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.driver.table.TablePages;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.table.PasidDirectoryEntry;
import org.iommu4j.intel.table.PasidEntry;
import org.iommu4j.intel.table.ScalableContextEntry;
import org.iommu4j.intel.table.TableIndex;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * A device's directory of PASIDs, VT-d 9.5 and 9.6, in pages of the host: it covers every PASID of the chip. Its tables, of 64 PASIDs
 * each, are made when they are first needed.
 */
final class PasidDirectory {
    private static final int PAGE_BYTES = 4096;
    private static final int TABLE_BITS = TableIndex.IN_PASID_TABLE.width();
    private static final int SMALLEST_BITS = ScalableContextEntry.SMALLEST_BITS;

    /** Width code of a table of four levels, see {@link org.iommu4j.intel.table.Agaw}. */
    private static final int FOUR_LEVELS = 2;

    private static final int WORDS = PasidEntry.LAYOUT.words();

    private final Platform platform;
    private final PhysicalMemory memory;
    private final long address;
    private final int pasidBits;

    /** Bits of the second word of every entry that is present. */
    private final long snoop;

    /** By the PASID's upper bits. */
    private final TablePages tables;

    private PasidDirectory(ChipPort chip, long address) {
        platform = chip.port().platform();
        memory = platform.memory();
        this.address = address;
        pasidBits = chip.pasidBits();
        tables = new TablePages(platform, 1 << Math.max(0, pasidBits - TABLE_BITS), "PASID table", "PASID table");
        // A walk that is not snooped may not set flags in tables, VT-d 3.6.2 and 3.7.2.
        snoop = Ecap.SMPWCS.isSet(chip.ecap()) ? PasidEntry.PWSNP.mask() : 0;
    }

    /**
     * An empty directory.
     *
     * @throws BackendException {@code ENOMEM}
     */
    static PasidDirectory create(ChipPort chip) {
        return new PasidDirectory(chip, chip.port().platform().allocatePages(pages(chip.pasidBits())));
    }

    /** Goes on with a directory that is there. */
    static PasidDirectory load(ChipPort chip, SnapshotReader in) {
        PasidDirectory directory = new PasidDirectory(chip, in.getPage("PASID directory"));
        directory.tables.load(in);
        return directory;
    }

    /** Writes long address; count of tables [int number, long address]. */
    void save(SnapshotWriter out) {
        tables.save(out.putLong(address));
    }

    private static int pages(int pasidBits) {
        int entries = 1 << (Math.max(SMALLEST_BITS, pasidBits) - TABLE_BITS);
        return Math.max(1, entries * Long.BYTES / PAGE_BYTES);
    }

    long address() {
        return address;
    }

    /** Size of the directory as PDTS has it. */
    int sizeCode() {
        return Math.max(0, pasidBits - SMALLEST_BITS);
    }

    /**
     * Makes the table of a PASID if there is none.
     *
     * @throws BackendException {@code ENOMEM}
     */
    void prepare(int pasid) {
        int index = TableIndex.PASID_TABLE.getInt(pasid);
        if (!tables.has(index)) {
            long table = tables.make(index);
            memory.writeLongLe(
                    PasidDirectoryEntry.addressOf(address, pasid),
                    PasidDirectoryEntry.SMPTBLPTR.of(table) | PasidDirectoryEntry.P.mask());
        }
    }

    /**
     * Replaces the entry of a PASID, whose table is there. The entry is not present in between, so that the chip never sees half of
     * each.
     *
     * @param stage what requests of the PASID translate through; null to block them
     */
    void write(int pasid, Stage stage) {
        long entry = PasidEntry.addressOf(tables.address(TableIndex.PASID_TABLE.getInt(pasid)), pasid);
        memory.writeLongLe(entry, 0);
        long[] words = stage == null ? new long[WORDS] : words(stage);
        for (int word = WORDS - 1; word >= 0; word--) {
            memory.writeLongLe(entry + (long) word * Long.BYTES, words[word]);
        }
    }

    private long[] words(Stage stage) {
        Translation translation = stage.translation();
        long[] words = new long[WORDS];
        words[0] = PasidEntry.P.mask();
        words[1] = PasidEntry.DID.of(stage.domainId()) | snoop;
        switch (translation.kind()) {
            case PASS_THROUGH -> words[0] |= PasidEntry.PGTT.of(PasidEntry.PASS_THROUGH);
            case SECOND_STAGE ->
                words[0] |= PasidEntry.PGTT.of(PasidEntry.SECOND_STAGE)
                        | PasidEntry.AW.of(translation.aw())
                        | PasidEntry.SSPTPTR.of(translation.table())
                        | (translation.hasOption(BindPgtable.FLAG_ACCESSED_DIRTY) ? PasidEntry.SSADE.mask() : 0);
            case FIRST_STAGE -> {
                words[0] |= PasidEntry.PGTT.of(PasidEntry.FIRST_STAGE);
                words[2] = firstStage(translation);
            }
            case NESTED -> {
                words[0] |= PasidEntry.PGTT.of(PasidEntry.NESTED)
                        | PasidEntry.AW.of(translation.memoryAw())
                        | PasidEntry.SSPTPTR.of(translation.memory());
                words[2] = firstStage(translation);
            }
        }
        return words;
    }

    private static long firstStage(Translation translation) {
        return PasidEntry.FSPTPTR.of(translation.table())
                | PasidEntry.FSPM.of(translation.aw() - FOUR_LEVELS)
                | (translation.hasOption(BindPgtable.FLAG_SUPERVISOR) ? PasidEntry.SRE.mask() : 0)
                | (translation.hasOption(BindPgtable.FLAG_WRITE_PROTECT) ? PasidEntry.WPE.mask() : 0)
                | (translation.hasOption(BindPgtable.FLAG_EXTENDED_ACCESSED) ? PasidEntry.EAFE.mask() : 0);
    }

    /** Blocks every PASID. */
    void clear() {
        tables.forEach(table -> {
            for (int pasid = 0; pasid < TableIndex.PASIDS_OF_TABLE; pasid++) {
                memory.writeLongLe(PasidEntry.addressOf(table, pasid), 0);
            }
        });
    }

    /** Gives all pages back. */
    void free() {
        tables.free();
        platform.freePages(address, pages(pasidBits));
    }
}
