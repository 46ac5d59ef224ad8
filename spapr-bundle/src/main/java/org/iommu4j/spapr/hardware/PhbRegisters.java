package org.iommu4j.spapr.hardware;

import java.nio.ByteOrder;
import org.iommu4j.layout.Register;
import org.iommu4j.simulation.register.RegisterFile;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;
import org.iommu4j.spapr.command.SpaprGeneration;
import org.iommu4j.spapr.command.SpaprRegisters;
import org.iommu4j.spapr.command.SpaprRegisters.DmaReadSync;
import org.iommu4j.spapr.command.SpaprRegisters.IodaAddress;
import org.iommu4j.spapr.command.SpaprRegisters.IodaData;
import org.iommu4j.spapr.command.SpaprRegisters.PestBar;
import org.iommu4j.spapr.command.SpaprRegisters.RtcInvalidate;
import org.iommu4j.spapr.command.SpaprRegisters.RttBar;
import org.iommu4j.spapr.command.SpaprRegisters.TceKill;
import org.iommu4j.spapr.front.EndpointStates;

/** The registers of the host bridge from generation 3 on: kills, syncs, and the on-chip tables behind IODA_ADDR. */
final class PhbRegisters {
    private static final int PE_BITS_IODA2 = 8;
    private static final int INDEX_BITS_IODA2 = 9;

    private final RegisterFile registers = new RegisterFile(ByteOrder.BIG_ENDIAN, SpaprRegisters.all());
    private final TceCache cache;
    private final TranslationValidation validation;
    private final EndpointStates states;
    private final Requesters requesters;
    private final FaultRecorder faults;
    private final CommandWatch watch;
    private final boolean ioda3;
    private final boolean losesPageKills;
    private long commands;

    /**
     * The registers after reset.
     *
     * @param losesPageKills true if kills of single pages do nothing, as HW560152 lets happen
     * @param watch is told of commands and of dropped entries
     */
    PhbRegisters(
            int subVersion,
            TceCache cache,
            TranslationValidation validation,
            EndpointStates states,
            Requesters requesters,
            FaultRecorder faults,
            boolean losesPageKills,
            CommandWatch watch) {
        this.cache = cache;
        this.validation = validation;
        this.states = states;
        this.requesters = requesters;
        this.faults = faults;
        this.watch = watch;
        this.losesPageKills = losesPageKills;
        ioda3 = SpaprGeneration.isIoda3(subVersion);
        // Kills of requesters and entries of tables go elsewhere: the registers keep nothing of them.
        registers.filterWrites(RtcInvalidate.REGISTER, (before, proposed, written, lanes) -> before);
        registers.filterWrites(IodaData.REGISTER, (before, proposed, written, lanes) -> before);
        registers.onWrite(RttBar.REGISTER, (before, after, written, lanes) -> requestersMoved(after));
        registers.onWrite(PestBar.REGISTER, (before, after, written, lanes) -> faultsMoved(after));
        registers.onWrite(RtcInvalidate.REGISTER, (before, after, written, lanes) -> forgetRequesters(written));
        registers.onWrite(DmaReadSync.REGISTER, (before, after, written, lanes) -> sync(written));
        registers.onWrite(TceKill.REGISTER, (before, after, written, lanes) -> {
            if ((lanes & TceKill.BUSY) != 0) {
                kill(after);
            }
        });
        registers.onWrite(IodaData.REGISTER, (before, after, written, lanes) -> {
            if (lanes == -1L) {
                writeTable(written);
            }
        });
    }

    /** Commands carried out. */
    long commands() {
        return commands;
    }

    /** Reads as software does. */
    long read(long offset, int sizeBytes) {
        if (offset == IodaData.REGISTER.offset() && sizeBytes == Long.BYTES) {
            return readTable();
        }
        return registers.read(offset, sizeBytes);
    }

    /** Writes as software does. */
    void write(long offset, int sizeBytes, long value) {
        registers.write(offset, sizeBytes, value);
    }

    void save(SnapshotWriter out) {
        registers.save(out);
    }

    void load(SnapshotReader in) {
        registers.load(in);
        requestersMoved(registers.get(RttBar.REGISTER));
        faultsMoved(registers.get(PestBar.REGISTER));
    }

    /** Writes a whole register as software does. */
    void write(Register register, long value) {
        registers.write(register.offset(), register.widthBytes(), value);
    }

    private void requestersMoved(long bar) {
        requesters.table(RttBar.ENABLE.isSet(bar) ? RttBar.BASE.get(bar) : Requesters.NO_TABLE);
    }

    private void faultsMoved(long bar) {
        faults.table(PestBar.ENABLE.isSet(bar) ? PestBar.BASE.get(bar) : FaultRecorder.NO_TABLE);
    }

    private void forgetRequesters(long written) {
        commands++;
        if (RtcInvalidate.ALL.isSet(written)) {
            requesters.forgetAll();
        } else {
            requesters.forget(RtcInvalidate.RID.getInt(written));
        }
        watch.requesters(written);
    }

    private void sync(long written) {
        if (DmaReadSync.START.isSet(written)) {
            // Nothing is under way between two calls: it is over at once.
            registers.set(DmaReadSync.REGISTER, DmaReadSync.COMPLETE.mask());
            watch.completed();
        }
    }

    /** Carries out a kill, docs/spec/spapr-tce.md 2.3; the widest of the bits that are set counts. */
    private void kill(long word) {
        if ((word & TceKill.BUSY) == 0) {
            return;
        }
        commands++;
        long dropped = cache.dropped();
        int pe = TceKill.PE_NUMBER.getInt(word) & (ioda3 ? -1 : (1 << PE_BITS_IODA2) - 1);
        if (TceKill.ALL.isSet(word)) {
            cache.invalidateAll();
        } else if (pe < states.count()) {
            if (TceKill.PE.isSet(word)) {
                cache.invalidateEndpoint(pe);
            } else if (!losesPageKills) {
                killPage(pe, word);
            }
        }
        if (ioda3) {
            // The kill is in the queue, and carried out: there is room for another.
            registers.set(TceKill.REGISTER, word & ~TceKill.BUSY);
        }
        watch.kill(word, pe, ioda3, cache.dropped() - dropped);
    }

    private void killPage(int pe, long word) {
        if (ioda3 && TceKill.PSEL.isSet(word)) {
            int shift = TceKill.shiftOf(TceKill.SIZE.getInt(word));
            long first = TceKill.ADDRESS.get(word) & -1L << shift;
            cache.invalidateRange(pe, first, first + (1L << shift) - 1);
        } else {
            cache.invalidatePage(pe, word & TceKill.PAGE);
        }
    }

    private int takeIndex() {
        long address = registers.get(IodaAddress.REGISTER);
        int mask = (1 << (ioda3 ? INDEX_BITS_IODA2 + 1 : INDEX_BITS_IODA2)) - 1;
        int index = IodaAddress.INDEX.getInt(address) & mask;
        if (IodaAddress.AUTO_INCREMENT.isSet(address)) {
            registers.set(IodaAddress.REGISTER, IodaAddress.INDEX, index + 1 & mask);
        }
        return index;
    }

    private long readTable() {
        int table = IodaAddress.TABLE.getInt(registers.get(IodaAddress.REGISTER));
        int index = takeIndex();
        return switch (table) {
            case IodaAddress.PESTA -> index < states.count() && states.stopsMmio(index) ? Long.MIN_VALUE : 0;
            case IodaAddress.PESTB -> index < states.count() && states.stopsDma(index) ? Long.MIN_VALUE : 0;
            case IodaAddress.TVT -> index < validation.size() ? validation.word(index) : 0;
            case IodaAddress.PEEV -> events(index);
            default -> 0;
        };
    }

    /** A bit for each of 64 endpoints that is stopped; the first is the most significant. */
    private long events(int word) {
        long events = 0;
        for (int i = 0; i < Long.SIZE; i++) {
            int pe = word * Long.SIZE + i;
            if (pe < states.count() && states.stopsDma(pe)) {
                events |= Long.MIN_VALUE >>> i;
            }
        }
        return events;
    }

    private void writeTable(long value) {
        int table = IodaAddress.TABLE.getInt(registers.get(IodaAddress.REGISTER));
        int index = takeIndex();
        switch (table) {
            case IodaAddress.PESTA -> {
                if (index < states.count()) {
                    states.stopMmio(index, value < 0);
                }
            }
            case IodaAddress.PESTB -> {
                if (index < states.count()) {
                    states.stopDma(index, value < 0);
                }
            }
            case IodaAddress.TVT -> {
                if (index < validation.size()) {
                    validation.write(index, value);
                }
            }
            default -> {
                // PEEV follows the states; other tables have nothing to do with DMA.
            }
        }
    }
}
