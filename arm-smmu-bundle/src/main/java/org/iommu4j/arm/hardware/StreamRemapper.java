package org.iommu4j.arm.hardware;

import org.iommu4j.arm.command.EventFields;
import org.iommu4j.arm.command.EventType;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuRegisters.Cr0;
import org.iommu4j.arm.command.SmmuRegisters.Cr2;
import org.iommu4j.arm.command.SmmuRegisters.Gbpa;
import org.iommu4j.arm.front.FaultReports;
import org.iommu4j.arm.table.ConfigurationRules;
import org.iommu4j.arm.table.ContextDescriptor;
import org.iommu4j.arm.table.DescriptorAddresses;
import org.iommu4j.arm.table.Rights;
import org.iommu4j.arm.table.Stage1Walker;
import org.iommu4j.arm.table.StreamTableEntry;
import org.iommu4j.arm.table.WalkFault;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.AddressType;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.simulation.cache.TranslationCache;
import org.iommu4j.simulation.register.RegisterFile;

/**
 * Translates accesses of devices, IHI 0070 3.3 and 3.4. The numbers stand above the lines that do the step. Allocates nothing
 * unless an access faults.
 *
 * <ol>
 *   <li>6.3.14, 3.4: while translation is off GBPA decides. 3.9.1: what asks for translations, or has some, is refused then.
 *   <li>3.9.1.3: a translated transaction is checked with CR0.ATSCHK only.
 *   <li>3.3.1: the stream table entry; 5.2: one that aborts does so without an event.
 *   <li>3.9.1.2: a translation request where the entry allows it.
 *   <li>7.3.9: the SubstreamID is one that the stream has. 5.2 S1DSS: what a transaction without one does.
 *   <li>3.4: what bypasses stage 1 is below the intermediate address size.
 *   <li>3.3.2: the context descriptor, with two stages through stage 2.
 *   <li>3.4.1: the half of the address translates it.
 *   <li>3.17: the TLB; an entry that is too narrow for stage 2, or whose first write has to be noted, is not used.
 *   <li>3.3.2: the tables of stage 1, then stage 2.
 * </ol>
 *
 * The order of faults is that of IHI 0070 7.3.22. A fault code of an access is the type of the event, whether it was recorded or
 * not; a transaction that is stalled counts as refused, with a record. What reads as zero and ignores writes (CD.A is 0) is
 * refused, too: devices here have no third answer.
 *
 * <p>The class is long because an access's way, from its StreamID to the answer, stays in one class, step by step as above.
 */
final class StreamRemapper {
    private static final int NO_PASID = TranslationCache.NO_PASID;
    private static final int DATA = DmaAccess.READ | DmaAccess.WRITE;
    private static final int CLEAN = Stage2Translation.CLEAN;
    private static final int LEVEL_SHIFT = 14;
    private static final int LEVEL_MASK = 3;
    private static final DescriptorAddresses PHYSICAL = (address, write) -> address;

    private final RegisterFile registers;
    private final ConfigurationRules rules;
    private final StreamConfiguration configuration;
    private final Stage1Walker walker;
    private final Stage2Translation second;
    private final TranslationCaches caches;
    private final WalkFault fault;
    private final FaultReports reports;
    private final StallTable stalls;
    private final AccessWatch watch;
    private final long lastAddress;
    private final boolean overridesPermissions;

    private boolean enabled;
    private long hits;
    private long walks;
    private long refused;

    // The access that is under way, after the overrides of its stream.
    private int streamId;
    private int substream;
    private boolean privileged;
    private boolean instruction;
    private boolean read;
    private boolean request;

    /** True once a context descriptor decides what becomes of faults of stage 1. */
    private boolean hasContext;

    // Results of the last walk.
    private long page;
    private int shift;
    private int attributes;

    StreamRemapper(
            SmmuCapabilities chip,
            RegisterFile registers,
            ConfigurationRules rules,
            StreamConfiguration configuration,
            Stage1Walker walker,
            Stage2Translation second,
            TranslationCaches caches,
            WalkFault fault,
            FaultReports reports,
            StallTable stalls,
            AccessWatch watch) {
        this.registers = registers;
        this.rules = rules;
        this.configuration = configuration;
        this.walker = walker;
        this.second = second;
        this.caches = caches;
        this.fault = fault;
        this.reports = reports;
        this.stalls = stalls;
        this.watch = watch;
        lastAddress = (1L << chip.outputBits()) - 1;
        overridesPermissions = chip.has("ATTR_PERMS_OVR");
    }

    /** Turns translation on or off; off, everything that waits is aborted. */
    void enable(boolean on) {
        enabled = on;
        if (!on) {
            stalls.terminateAll();
        }
    }

    /** True if translation is on. */
    boolean isEnabled() {
        return enabled;
    }

    /** Accesses that a TLB answered. */
    long hits() {
        return hits;
    }

    /** Accesses that walked tables. */
    long walks() {
        return walks;
    }

    /** Accesses that were refused. */
    long refused() {
        return refused;
    }

    /** Translates an access. */
    void translate(DmaAccess access) {
        begin(access);
        // 1. translation is off
        if (!enabled) {
            untranslated(access);
            return;
        }
        WalkListener listener = watch.reading(access.listener());
        // 2. translated transactions
        if (access.addressType() == AddressType.TRANSLATED) {
            translated(access, listener);
            return;
        }
        // 3. the stream table entry
        if (!configuration.selectStream(streamId, fault, listener)) {
            refuse(access);
            return;
        }
        long[] ste = configuration.ste();
        int mode = StreamTableEntry.CONFIG.getInt(ste[0]);
        if (mode < StreamTableEntry.BYPASS) {
            block(access);
            return;
        }
        // 4. translation requests
        if (request && rules.translationServices(ste, checksTranslated()) == 0) {
            refuseRequest(access);
            return;
        }
        override(ste);
        // 5. the substream
        int contextBits = rules.contextBits(ste[0]);
        boolean stage1 = StreamTableEntry.hasStage1(mode);
        boolean withSubstream = substream != NO_PASID;
        if (withSubstream && (!stage1 || contextBits == 0 || substream >>> contextBits != 0)) {
            refuse(access, EventType.C_BAD_SUBSTREAMID);
            return;
        }
        int index = withSubstream ? substream : 0;
        if (stage1 && contextBits != 0) {
            int without = StreamTableEntry.S1_DSS.getInt(ste[StreamTableEntry.S1_DSS.word()]);
            boolean taken = withSubstream && index == 0 && without == StreamTableEntry.DSS_CD_0;
            boolean none =
                    !withSubstream && without != StreamTableEntry.DSS_BYPASS && without != StreamTableEntry.DSS_CD_0;
            if (taken || none) {
                refuse(access, EventType.F_STREAM_DISABLED);
                return;
            }
            stage1 = withSubstream || without != StreamTableEntry.DSS_BYPASS;
        }
        boolean stage2 = StreamTableEntry.hasStage2(mode);
        int vmid = rules.vmid(ste);
        if (stage2) {
            second.begin(ste, stage1, vmid, listener);
        }
        if (stage1) {
            throughStage1(access, index, vmid, stage2, listener);
        } else {
            pastStage1(access, stage2);
        }
    }

    private void begin(DmaAccess access) {
        fault.clear();
        streamId = access.requester();
        substream = access.pasid();
        privileged = access.privileged();
        read = (access.rights() & DmaAccess.WRITE) == 0;
        instruction = read && (access.rights() & DmaAccess.EXECUTE) != 0;
        request = access.addressType() == AddressType.TRANSLATION_REQUEST;
        hasContext = false;
    }

    /** STE.PRIVCFG and INSTCFG, IHI 0070 5.2; a write is never an instruction. */
    private void override(long[] ste) {
        if (overridesPermissions) {
            int privilege = StreamTableEntry.PRIV_CFG.getInt(ste[StreamTableEntry.PRIV_CFG.word()]);
            int kind = StreamTableEntry.INST_CFG.getInt(ste[StreamTableEntry.INST_CFG.word()]);
            privileged = privilege >= StreamTableEntry.FORCE_OFF ? privilege == StreamTableEntry.FORCE_ON : privileged;
            boolean forced = read && kind >= StreamTableEntry.FORCE_OFF;
            instruction = forced ? kind == StreamTableEntry.FORCE_ON : instruction;
        }
    }

    private boolean checksTranslated() {
        return registers.isSet(Cr0.ACK, Cr0.ACK_ATSCHK);
    }

    private void untranslated(DmaAccess access) {
        if (request) {
            refuseRequest(access);
        } else if (access.addressType() == AddressType.TRANSLATED) {
            refuse(access, EventType.F_TRANSL_FORBIDDEN);
        } else if (registers.isSet(Gbpa.REGISTER, Gbpa.ABORT) || Long.compareUnsigned(access.iova(), lastAddress) > 0) {
            block(access);
        } else {
            access.translated(access.iova(), 0, DATA, false);
        }
    }

    private void translated(DmaAccess access, WalkListener listener) {
        watch.presented(streamId, substream, access.iova());
        if (!checksTranslated()) {
            passTranslated(access);
            return;
        }
        if (!configuration.selectStream(streamId, fault, listener)) {
            boolean wanted = registers.isSet(Cr2.REGISTER, Cr2.REC_CFG_ATS);
            deny(access, wanted && report(access).write());
            return;
        }
        long[] ste = configuration.ste();
        if (StreamTableEntry.CONFIG.getInt(ste[0]) < StreamTableEntry.BYPASS) {
            block(access);
            return;
        }
        switch (rules.translationServices(ste, true)) {
            case StreamTableEntry.EATS_FULL -> passTranslated(access);
            case StreamTableEntry.EATS_SPLIT -> {
                int vmid = StreamTableEntry.S2_VMID.getInt(ste[StreamTableEntry.S2_VMID.word()]);
                second.begin(ste, false, vmid, listener);
                pastStage1(access, true);
            }
            default -> refuse(access, EventType.F_TRANSL_FORBIDDEN);
        }
    }

    /** A physical address of a device goes on as it is, if there can be memory, IHI 0070 3.9.1.3. */
    private void passTranslated(DmaAccess access) {
        if (Long.compareUnsigned(access.iova(), lastAddress) > 0) {
            block(access);
        } else {
            access.translated(access.iova(), 0, DATA, false);
        }
    }

    /** 6. without stage 1 */
    private void pastStage1(DmaAccess access, boolean stage2) {
        long address = access.iova();
        if (Long.compareUnsigned(address, lastAddress) > 0) {
            refuse(access, EventType.F_ADDR_SIZE);
            return;
        }
        if (!stage2) {
            access.translated(address, 0, DATA, true);
            return;
        }
        int needed = request ? 0 : needed(access, privileged);
        if (!second.translate(address, EventFields.CLASS_IN, needed)) {
            count(false);
            refuse(access);
            return;
        }
        if (request && asksToWrite(access) && second.isClean() && isWritable(second.rights())) {
            // 3.13: the dirty state is noted before a device may write.
            if (!second.translate(address, EventFields.CLASS_IN, Rights.needed(DmaAccess.WRITE, privileged))) {
                refuse(access);
                return;
            }
        }
        count(second.isHit());
        succeed(access, second.pageAddress(), second.shift(), second.rights(), second.isClean(), second.isHit());
    }

    private void count(boolean hit) {
        if (hit) {
            hits++;
        } else {
            walks++;
        }
    }

    private void throughStage1(DmaAccess access, int index, int vmid, boolean nested, WalkListener listener) {
        long[] ste = configuration.ste();
        boolean el2 = rules.isEl2(ste);
        boolean e2h = el2 && registers.isSet(Cr2.REGISTER, Cr2.E2H);
        Regime regime = !el2 ? Regime.EL1 : e2h ? Regime.EL2_E2H : Regime.EL2;
        boolean plainEl2 = regime == Regime.EL2;
        // 7. the context descriptor
        if (!configuration.selectContext(streamId, index, plainEl2, nested ? second : null, fault, listener)) {
            substream = fault.type() == EventType.C_BAD_SUBSTREAMID ? index : substream;
            refuse(access);
            return;
        }
        long[] cd = configuration.cd();
        hasContext = true;
        privileged |= plainEl2;
        // 8. the half of the address
        boolean upper = Stage1Walker.isUpper(access.iova(), plainEl2);
        long address = Stage1Walker.canonical(cd[0], access.iova(), upper);
        if (Stage1Walker.isWalkDisabled(cd[0], upper, plainEl2)
                || !walker.isInRange(cd, address, upper, privileged, plainEl2)) {
            fault.stage1(EventType.F_TRANSLATION);
            refuse(access);
            return;
        }
        // 9. the TLB
        Granule granule = Stage1Walker.granule(cd[0], upper);
        int tag = regime.tlbTag(vmid);
        int asid = plainEl2 ? Tlb.NO_ASID : ContextDescriptor.ASID.getInt(cd[0]);
        int needed = request ? 0 : needed(access, privileged);
        TranslationCache leaves = caches.leaves(regime, nested).leaves(granule);
        int entry = leaves.lookup(tag, asid, address);
        if (entry == TranslationCache.MISS && !plainEl2) {
            entry = leaves.lookup(tag, Tlb.GLOBAL, address);
        }
        if (entry != TranslationCache.MISS && isUsable(access, leaves.attributes(entry), needed)) {
            hits++;
            int size = leaves.pageShift(entry);
            int kept = leaves.attributes(entry);
            watch.hit(false, regime, vmid, granule, level(kept), leaves, entry);
            if ((needed & ~kept & Rights.ALL) != 0) {
                fault.stage1(EventType.F_PERMISSION);
                refuse(access);
                return;
            }
            succeed(access, leaves.value(entry), size, both(kept), (kept & CLEAN) != 0, true);
            return;
        }
        // 10. the tables
        walks++;
        watch.missed(false, regime, vmid, granule, asid, address);
        if (!walk(regime, vmid, granule, asid, address, upper, needed, nested, listener)) {
            refuse(access);
            return;
        }
        boolean writes = asksToWrite(access) && isWritable(both(attributes));
        if (request && writes && (attributes & CLEAN) != 0) {
            // 3.13: the dirty state is noted before a device may write.
            int write = Rights.needed(DmaAccess.WRITE, privileged);
            if (!walk(regime, vmid, granule, asid, address, upper, write, nested, listener)) {
                refuse(access);
                return;
            }
        }
        succeed(access, page, shift, both(attributes), (attributes & CLEAN) != 0, false);
    }

    private boolean walk(
            Regime regime,
            int vmid,
            Granule granule,
            int asid,
            long address,
            boolean upper,
            int needed,
            boolean nested,
            WalkListener listener) {
        long[] cd = configuration.cd();
        int tag = regime.tlbTag(vmid);
        // An observer judges words that this access has read itself.
        boolean keepsTables = !(nested && watch.observes());
        TranslationCache tables = caches.tables(regime).tables(granule);
        int table = keepsTables ? tables.lookup(tag, asid, address) : TranslationCache.MISS;
        long from = 0;
        int level = -1;
        int limits = 0;
        if (table != TranslationCache.MISS) {
            from = tables.value(table);
            limits = tables.attributes(table);
            level = granule.levelOf(tables.pageShift(table)) + 1;
            watch.hit(true, regime, vmid, granule, level - 1, tables, table);
        } else if (keepsTables) {
            watch.missed(true, regime, vmid, granule, asid, address);
        }
        boolean el2 = regime == Regime.EL2;
        DescriptorAddresses addresses = nested ? second : PHYSICAL;
        boolean found = walker.walk(cd, from, level, limits, address, upper, needed, el2, addresses, fault, listener);
        if (keepsTables && (tables.capacity() != 0 || watch.observes())) {
            keepTables(regime, vmid, granule, asid, address);
        }
        if (!found) {
            return false;
        }
        page = walker.pageAddress();
        shift = walker.shift();
        int otherRights = Rights.ALL;
        boolean clean = walker.isClean();
        if (nested) {
            long ipa = page | (address & ((1L << shift) - 1));
            if (!second.translate(ipa, EventFields.CLASS_IN, needed)) {
                return false;
            }
            shift = Math.min(shift, second.shift());
            page = (second.pageAddress() | (ipa & ((1L << second.shift()) - 1))) & -1L << shift;
            otherRights = second.rights();
            clean |= second.isClean();
        }
        attributes = walker.rights() | otherRights << Rights.BITS | (clean ? CLEAN : 0) | walker.level() << LEVEL_SHIFT;
        int owner = walker.isGlobal() && asid != Tlb.NO_ASID ? Tlb.GLOBAL : asid;
        caches.leaves(regime, nested).leaves(granule).insert(tag, owner, address, shift, page, attributes);
        int words = nested ? Integer.MAX_VALUE : walker.level() - walker.topLevel() + 1;
        watch.filled(false, regime, vmid, granule, walker.level(), owner, address, shift, page, words);
        return true;
    }

    /** Keeps where the tables are to which the last walk came. */
    private void keepTables(Regime regime, int vmid, Granule granule, int asid, long address) {
        TranslationCache tables = caches.tables(regime).tables(granule);
        for (int level = walker.topLevel(); level < walker.level(); level++) {
            int covers = granule.shiftOf(level);
            long table = walker.nextTable(level);
            tables.insert(regime.tlbTag(vmid), asid, address, covers, table, walker.limitsAt(level));
            int words = level - walker.topLevel() + 1;
            watch.filled(true, regime, vmid, granule, level, asid, address, covers, table, words);
        }
    }

    /** Level of the leaf of stage 1 that an entry comes from. */
    private static int level(int attributes) {
        return attributes >>> LEVEL_SHIFT & LEVEL_MASK;
    }

    /** Rights that both stages allow. */
    private static int both(int attributes) {
        return attributes & (attributes >>> Rights.BITS) & Rights.ALL;
    }

    /** False for an entry that does not say all: which page stage 2 refuses, or that the first write has to be noted. */
    private boolean isUsable(DmaAccess access, int attributes, int needed) {
        boolean clean = (attributes & CLEAN) != 0;
        if (request) {
            return !(clean && asksToWrite(access) && isWritable(both(attributes)));
        }
        boolean stage1Allows = (needed & ~attributes & Rights.ALL) == 0;
        boolean stage2Allows = (needed & ~(attributes >>> Rights.BITS) & Rights.ALL) == 0;
        return !stage1Allows || (stage2Allows && !(clean && (needed & Rights.ANY_WRITE) != 0));
    }

    private static boolean asksToWrite(DmaAccess access) {
        return (access.rights() & DmaAccess.WRITE) != 0;
    }

    private boolean isWritable(int rights) {
        return (Rights.granted(rights, privileged) & DmaAccess.WRITE) != 0;
    }

    /** Rights that the tables must grant: an instruction needs to be executable only, IHI 0070 13.4.1. */
    private int needed(DmaAccess access, boolean asPrivileged) {
        int data = access.rights() & DATA;
        return Rights.needed(instruction ? DmaAccess.EXECUTE : data == 0 ? DmaAccess.READ : data, asPrivileged);
    }

    /** @param clean true if nothing has been noted yet, so that a device that translates itself may not write */
    private void succeed(DmaAccess access, long pageAddress, int pageShift, int rights, boolean clean, boolean hit) {
        int granted = Rights.granted(rights, privileged);
        long iova = access.iova();
        if (request) {
            boolean writes = asksToWrite(access) && !clean;
            granted &= DmaAccess.READ | (writes ? DmaAccess.WRITE : 0);
            if (granted == 0) {
                deny(access, EventType.F_PERMISSION.code(), false);
                return;
            }
            caches.deviceTlb.insert(streamId, substream, iova, pageShift, pageAddress, granted);
            watch.deviceFilled(streamId, substream, iova, pageShift, pageAddress);
        }
        long inPage = (1L << pageShift) - 1;
        access.translated(pageAddress | (iova & inPage), inPage + 1, granted, hit);
    }

    // ---- refusals

    private void block(DmaAccess access) {
        refused++;
        access.blocked();
    }

    private void deny(DmaAccess access, boolean recorded) {
        deny(access, fault.type().code(), recorded);
    }

    private void deny(DmaAccess access, int code, boolean recorded) {
        refused++;
        access.fault(code, recorded);
    }

    private FaultReports report(DmaAccess access) {
        return reports.of(fault, access, substream, privileged, instruction, read && !request);
    }

    private void refuse(DmaAccess access, EventType type) {
        fault.configuration(type);
        refuse(access);
    }

    /** An unsupported request, IHI 0070 3.9.1.2; always recorded. */
    private void refuseRequest(DmaAccess access) {
        fault.configuration(EventType.F_BAD_ATS_TREQ);
        deny(access, reports.ofRequest(access).write());
    }

    /** Outcome of a fault, IHI 0070 5.5 and 3.9.1.2. */
    private void refuse(DmaAccess access) {
        EventType type = fault.type();
        boolean known = type != EventType.C_BAD_STREAMID || registers.isSet(Cr2.REGISTER, Cr2.RECINVSID);
        if (request) {
            // A fault of the translation is an answer without rights; anything else aborts the request.
            boolean wanted = !type.isTranslationFault() && registers.isSet(Cr2.REGISTER, Cr2.REC_CFG_ATS) && known;
            deny(access, wanted && report(access).write());
            return;
        }
        boolean decided = type.isTranslationFault() && (fault.isStage2() || hasContext);
        if (!decided) {
            deny(access, known && report(access).write());
        } else if (stalls(type)) {
            stall(access);
        } else {
            deny(access, records() && report(access).write());
        }
    }

    private boolean stalls(EventType type) {
        return type.isTranslationFault()
                && (fault.isStage2()
                        ? StreamTableEntry.S2_S.isSet(configuration.ste()[StreamTableEntry.S2_S.word()])
                        : ContextDescriptor.S.isSet(configuration.cd()[0]));
    }

    private boolean records() {
        return fault.isStage2()
                ? StreamTableEntry.S2_R.isSet(configuration.ste()[StreamTableEntry.S2_R.word()])
                : ContextDescriptor.R.isSet(configuration.cd()[0]);
    }

    /** IHI 0070 3.12.2: the transaction waits, with a record; without a free tag it is terminated, with a record as well. */
    private void stall(DmaAccess access) {
        int tag = stalls.freeTag();
        if (tag == StallTable.NONE) {
            deny(access, report(access).write());
            return;
        }
        stalls.add(tag, access, report(access).stalled(tag).words());
        deny(access, true);
    }
}
