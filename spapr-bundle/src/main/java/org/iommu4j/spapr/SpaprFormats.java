package org.iommu4j.spapr;

import java.util.List;
import java.util.OptionalInt;
import org.iommu4j.backend.NativeFormats;
import org.iommu4j.backend.log.LogFormat;
import org.iommu4j.layout.Layout;
import org.iommu4j.spapr.command.PestEntry;
import org.iommu4j.spapr.command.SpaprCommand;
import org.iommu4j.spapr.table.Tce;

/** The formats of sPAPR in bytes. */
final class SpaprFormats implements NativeFormats {
    @Override
    public String eventFormat(byte[] record) {
        return PestEntry.LAYOUT.name();
    }

    /** The requester id; empty where the access was known by its LIOBN only. */
    @Override
    public OptionalInt eventRequester(byte[] record) {
        int requester = record.length == PestEntry.BYTES
                ? PestEntry.RID.getInt(PestEntry.LAYOUT.word(record, 0, PestEntry.RID.word()))
                : 0;
        return requester == 0 ? OptionalInt.empty() : OptionalInt.of(requester);
    }

    @Override
    public String entryFormat(String what) {
        return Tce.LAYOUT.name();
    }

    @Override
    public boolean isCompletion(byte[] command) {
        Layout sync = SpaprCommand.DMA_READ_SYNC.layout();
        return command.length == sync.sizeBytes() && sync.word(command, 0, 0) == SpaprCommand.DMA_READ_SYNC.opcode();
    }

    @Override
    public List<LogFormat> logFormats() {
        return SpaprLogLines.ALL;
    }
}
