package org.iommu4j.arm.hardware;

import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.PageRequestResponse;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuRegisters.Cr0;
import org.iommu4j.arm.command.SmmuRegisters.Cr2;
import org.iommu4j.arm.command.SmmuSettings;
import org.iommu4j.arm.front.CommandEffects;
import org.iommu4j.arm.table.ContextTable;
import org.iommu4j.arm.table.StreamTable;
import org.iommu4j.arm.table.StreamTableEntry;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.simulation.cache.KeyedCache;
import org.iommu4j.simulation.cache.TranslationCache;
import org.iommu4j.simulation.config.SettingValues;
import org.iommu4j.simulation.register.RegisterFile;

/** Effects of accepted commands on the chip: they drop cache entries, and end what is stalled. */
class CacheEffects implements CommandEffects {
    private static final int PAGE_SHIFT = 12;
    private static final int MOST_WILDCARD_BITS = 4;
    private static final int ALL_STREAMS = 31;

    private final SmmuCapabilities chip;
    private final RegisterFile registers;
    private final TranslationCaches caches;
    private final StreamTable table;
    private final DevicePort devices;
    private final InvalidationRange range;
    private final boolean greedy;
    private final boolean ignoresVmid;
    private StallTable stalls;
    private StreamRemapper remapper;

    CacheEffects(
            SmmuCapabilities chip,
            SettingValues chosen,
            RegisterFile registers,
            TranslationCaches caches,
            StreamTable table,
            DevicePort devices) {
        this.chip = chip;
        this.registers = registers;
        this.caches = caches;
        this.table = table;
        this.devices = devices;
        range = new InvalidationRange(chip.has("DS"));
        greedy = chosen.isSet(SmmuSettings.REMOVAL);
        ignoresVmid = chosen.isSet(SmmuSettings.VMID_WITHOUT_STAGE_2);
    }

    /** Takes what stands behind the front, before the first command. */
    void connect(StallTable stallTable, StreamRemapper streamRemapper) {
        stalls = stallTable;
        remapper = streamRemapper;
    }

    @Override
    public void translation(boolean on) {
        remapper.enable(on);
    }

    @Override
    public Outcome carryOut(SmmuCommand command, long word0, long word1) {
        switch (command) {
            case TLBI_NH_VA, TLBI_NH_VAA, TLBI_NH_ASID, TLBI_NH_ALL, TLBI_S2_IPA, TLBI_S12_VMALL ->
                ofVm(command, word0, word1);
            case TLBI_NSNH_ALL -> caches.invalidateAllBelowEl2();
            case TLBI_EL2_ALL, TLBI_EL2_ASID, TLBI_EL2_VA, TLBI_EL2_VAA -> ofEl2(command, word0, word1);
            case CFGI_STE ->
                caches.configuration.invalidateStream(
                        CommandFields.SID.getInt(word0), CommandFields.LEAF.isSet(word1), table.split());
            case CFGI_STE_RANGE ->
                caches.configuration.invalidateStreams(
                        CommandFields.SID.getInt(word0), streamBits(word1), table.split());
            case CFGI_CD -> context(word0, word1);
            case CFGI_CD_ALL -> caches.configuration.invalidateContexts(CommandFields.SID.getInt(word0));
            case ATC_INV -> {
                return device(word0, word1);
            }
            case RESUME -> resume(word0, word1);
            case STALL_TERM -> stalls.terminate(CommandFields.SID.getInt(word0));
            case PRI_RESP -> respond(word0, word1);
            // Prefetches have no effect that anybody sees.
            case PREFETCH_CONFIG, PREFETCH_ADDR, CFGI_VMS_PIDM, SYNC -> {}
        }
        return Outcome.DONE;
    }

    /** log2 of the StreamIDs of a CFGI_STE_RANGE, IHI 0070 4.3.2. */
    static int streamBits(long word1) {
        int range = CommandFields.RANGE.getInt(word1);
        return range == ALL_STREAMS ? Integer.SIZE : range + 1;
    }

    /** Invalidations of a VM; CR0.VMW makes them ignore its low bits, IHI 0070 6.3.9.1. */
    private void ofVm(SmmuCommand command, long word0, long word1) {
        int vmid = CommandFields.VMID.getInt(word0);
        if (!chip.hasStage2()) {
            if (vmid != 0 && !ignoresVmid) {
                return;
            }
            vmid = 0;
        } else if (vmid >>> chip.vmidBits() != 0) {
            return;
        }
        int wildcard = Cr0.ACK_VMW.getInt(registers.get(Cr0.ACK));
        int vms = wildcard > MOST_WILDCARD_BITS ? 1 : 1 << wildcard;
        int first = vmid & -vms;
        for (int vm = first; vm < first + vms; vm++) {
            ofVm(command, vms == 1 ? vmid : vm, word0, word1);
        }
    }

    private void ofVm(SmmuCommand command, int vmid, long word0, long word1) {
        if (greedy) {
            caches.invalidateBothStages(vmid);
            return;
        }
        int asid = CommandFields.ASID.getInt(word0);
        boolean named = command == SmmuCommand.TLBI_NH_ASID || command == SmmuCommand.TLBI_NH_VA;
        if (named && asid >>> chip.asidBits() != 0) {
            return;
        }
        switch (command) {
            case TLBI_NH_ALL -> caches.invalidateVm(vmid);
            case TLBI_NH_ASID -> caches.invalidateAsid(vmid, asid);
            case TLBI_NH_VA -> caches.invalidateAddress(vmid, asid, range.of(command, word0, word1));
            case TLBI_NH_VAA -> caches.invalidateAddressAnyAsid(vmid, range.of(command, word0, word1));
            case TLBI_S2_IPA -> caches.invalidateStage2(vmid, range.of(command, word0, word1));
            default -> caches.invalidateBothStages(vmid);
        }
    }

    private void ofEl2(SmmuCommand command, long word0, long word1) {
        boolean e2h = registers.isSet(Cr2.REGISTER, Cr2.E2H);
        int asid = CommandFields.ASID.getInt(word0);
        switch (command) {
            case TLBI_EL2_ASID -> caches.invalidateEl2Asid(asid);
            case TLBI_EL2_VA -> caches.invalidateEl2Address(e2h, asid, range.of(command, word0, word1));
            case TLBI_EL2_VAA -> caches.invalidateEl2AddressAnyAsid(e2h, range.of(command, word0, word1));
            default -> caches.invalidateEl2();
        }
    }

    /** CFGI_CD; how many descriptors stand below a level-1 descriptor the stream table entry says, if it is known. */
    private void context(long word0, long word1) {
        int streamId = CommandFields.SID.getInt(word0);
        KeyedCache streams = caches.configuration.streams;
        int entry = streams.lookup(ConfigurationCaches.key(streamId));
        boolean leafOnly = CommandFields.LEAF.isSet(word1);
        if (entry == KeyedCache.MISS && !leafOnly) {
            // More than asked for: the blocks of an entry that is not known cannot be told apart.
            caches.configuration.invalidateContexts(streamId);
            return;
        }
        int leafBits =
                entry == KeyedCache.MISS ? 0 : ContextTable.leafBits(streams.word(entry, StreamTableEntry.V.word()));
        caches.configuration.invalidateContext(streamId, CommandFields.SSID.getInt(word0), leafOnly, leafBits);
    }

    private Outcome device(long word0, long word1) {
        if (!remapper.isEnabled()) {
            return Outcome.DONE;
        }
        boolean one = CommandFields.SSV.isSet(word0);
        int substream = one ? CommandFields.SSID.getInt(word0) : TranslationCache.NO_PASID;
        int order = CommandFields.SIZE.getInt(word1);
        long address = CommandFields.ADDRESS.get(word1);
        int streamId = CommandFields.SID.getInt(word0);
        caches.invalidateDevice(streamId, substream, one && CommandFields.GLOBAL.isSet(word0), address, order);
        boolean all = order == CommandFields.SIZE_ALL;
        long bytes = all ? 0 : 1L << (order + PAGE_SHIFT);
        boolean answered = devices.invalidate(streamId, substream, all ? 0 : address & -bytes, bytes);
        return answered ? Outcome.DONE : Outcome.NO_ANSWER;
    }

    /** CMD_PRI_RESP, which is ignored while translation is off, IHI 0070 4.5. */
    private void respond(long word0, long word1) {
        if (remapper.isEnabled()) {
            devices.respond(
                    CommandFields.SID.getInt(word0),
                    PageRequestResponse.pasid(word0),
                    CommandFields.PRG_INDEX.getInt(word1),
                    PageRequestResponse.response(word1));
        }
    }

    private void resume(long word0, long word1) {
        DmaAccess access = stalls.resume(CommandFields.STAG.getInt(word1), CommandFields.SID.getInt(word0));
        if (access != null && CommandFields.AC.isSet(word0)) {
            remapper.translate(access);
        }
    }

    @Override
    public Outcome await() {
        return Outcome.DONE;
    }

    @Override
    public void completed() {
        // Nobody observes.
    }

    @Override
    public void refused(String reason) {
        // Software reads it in CMDQ_CONS.
    }
}
