package org.iommu4j.arm.command;

import java.util.List;
import java.util.function.ToLongFunction;
import org.iommu4j.arm.command.SmmuRegisters.Aidr;
import org.iommu4j.arm.command.SmmuRegisters.Idr0;
import org.iommu4j.arm.command.SmmuRegisters.Idr1;
import org.iommu4j.arm.command.SmmuRegisters.Idr3;
import org.iommu4j.arm.command.SmmuRegisters.Idr5;
import org.iommu4j.arm.command.SmmuRegisters.Iidr;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Register;
import org.iommu4j.simulation.config.SettingRow;
import org.iommu4j.simulation.config.SettingTable;

/** Settings of an SMMU: its identification registers, and choices that the architecture leaves open. */
public final class SmmuSettings {
    /** Group of the fields of identification registers. */
    public static final String GROUP = "idr";

    private static final int MOST_STREAM_BITS = 32;
    private static final int MOST_SUBSTREAM_BITS = 20;
    private static final int MOST_QUEUE_BITS = 19;
    private static final int CODE_OF_48_BITS = 5;
    private static final int CODE_OF_52_BITS = 6;

    private static final SettingTable.Builder ROWS = SettingTable.of("SMMUv3", GROUP, SmmuCapabilities.generations());

    static {
        register(Idr0.REGISTER, SmmuCapabilities::idr0);
        register(Idr1.REGISTER, SmmuCapabilities::idr1);
        register(Idr3.REGISTER, SmmuCapabilities::idr3);
        register(Idr5.REGISTER, SmmuCapabilities::idr5);
        register(Iidr.REGISTER, SmmuCapabilities::iidr);
        register(Aidr.REGISTER, SmmuCapabilities::aidr);
        for (BitField field : List.of(
                Idr0.DORMHINT,
                Idr0.ATOS,
                Idr0.VATOS,
                Idr0.RME_IMPL,
                Idr1.REL,
                Idr1.QUEUES_PRESET,
                Idr1.TABLES_PRESET,
                Idr1.ECMDQ,
                Idr3.PBHA,
                Idr3.MPAM,
                Idr3.DPT,
                Idr3.PASIDTT,
                Idr3.S1PI,
                Idr3.S2PI,
                Idr3.S2PO,
                Idr3.THE,
                Idr3.AIE,
                Idr5.D128)) {
            ROWS.field(field).legal("0; not modelled", (generation, value) -> value == 0);
        }
        ROWS.field(Idr0.TTF).legal("2: AArch64 tables only", (generation, value) -> value == 2);
        ROWS.field(Idr0.HTTU).legal("0..2", (generation, value) -> value <= 2);
        ROWS.field(Idr0.TTENDIAN).legal("0, 2, 3", (generation, value) -> value != 1);
        ROWS.field(Idr0.STALL_MODEL).legal("0..2", (generation, value) -> value <= SmmuCapabilities.ALWAYS_STALLS);
        ROWS.field(Idr0.ST_LEVEL).legal("0, 1", (generation, value) -> value <= 1);
        ROWS.field(Idr1.SIDSIZE).most(MOST_STREAM_BITS);
        ROWS.field(Idr1.SSIDSIZE).most(MOST_SUBSTREAM_BITS);
        for (BitField field : List.of(Idr1.PRIQS, Idr1.EVENTQS, Idr1.CMDQS)) {
            ROWS.field(field).most(MOST_QUEUE_BITS);
        }
        ROWS.field(Idr3.BBML).legal("0..2", (generation, value) -> value <= 2);
        ROWS.field(Idr3.RIL)
                .legal("0, 1; 0 in version 3.0", (generation, value) -> value == 0 || generation > SmmuGeneration.V3_0);
        ROWS.field(Idr5.OAS)
                .legal(
                        "0..5; from version 3.1 on 6",
                        (generation, value) ->
                                value <= (generation == SmmuGeneration.V3_0 ? CODE_OF_48_BITS : CODE_OF_52_BITS));
        ROWS.field(Idr5.VAX)
                .legal(
                        "0, 1; 0 in version 3.0",
                        (generation, value) -> value == 0 || (value == 1 && generation > SmmuGeneration.V3_0));
        ROWS.field(Idr5.DS)
                .legal(
                        "0, 1; 0 before version 3.4",
                        (generation, value) -> value == 0 || generation >= SmmuGeneration.V3_4);
        for (BitField flag : List.of(
                Idr0.S2P,
                Idr0.HYP,
                Idr0.ATS,
                Idr0.NS1ATS,
                Idr0.ASID16,
                Idr0.MSI,
                Idr0.VMID16,
                Idr0.CD2L,
                Idr0.TERM_MODEL)) {
            ROWS.vary(flag, random -> random.nextInt(2));
        }
        ROWS.vary(Idr0.HTTU, random -> random.nextInt(3));
        ROWS.vary(Idr0.STALL_MODEL, random -> random.nextInt(3));
        ROWS.vary(Idr0.ST_LEVEL, random -> random.nextInt(2));
        ROWS.vary(Idr1.SSIDSIZE, random -> random.nextInt(MOST_SUBSTREAM_BITS + 1));
        ROWS.vary(Idr3.XNX, random -> random.nextInt(2));
        ROWS.vary(Idr3.HAD, random -> random.nextInt(2));
        ROWS.vary(Idr5.GRAN16K, random -> random.nextInt(2));
        ROWS.vary(Idr5.GRAN64K, random -> random.nextInt(2));
    }

    /** IHI 0070 4.1.5: whether a reserved bit makes a command illegal. */
    public static final SettingRow RESERVED_BITS = ROWS.choice("reserved-bits", "refuse", "ignore")
            .about("a command with a reserved bit set is illegal, or the bit is ignored, IHI 0070 4.1.5");

    /** IHI 0070 6.2: what a write to a register does that another locks, before version 3.2. */
    public static final SettingRow LEGACY_GUARDS = ROWS.choice("legacy-guards", "ignore", "apply")
            .legal(
                    "ignore; before version 3.2 also apply",
                    (generation, value) -> value == 0 || generation < SmmuGeneration.V3_2)
            .about("what a write does to a register whose function is on: nothing, or it takes effect at once, IHI"
                    + " 0070 6.2");

    /** Values of registers that reset to an UNKNOWN value. */
    public static final SettingRow POISON_RESET = ROWS.choice("unknown-reset", "zero", "poison")
            .about("what registers hold after reset whose reset value is UNKNOWN");

    /** How much a TLB invalidation drops. */
    public static final SettingRow REMOVAL = ROWS.choice("removal", "exact", "greedy")
            .about("what a TLB invalidation drops: what it must, or all of its VMID, IHI 0070 4.4");

    /** Effect of a command with a VMID on a chip without stage 2. */
    public static final SettingRow VMID_WITHOUT_STAGE_2 = ROWS.choice("vmid-without-stage-2", "no-effect", "ignore")
            .about("without IDR0.S2P a TLB invalidation with a VMID has no effect, or its VMID is ignored, IHI 0070"
                    + " 4.4.2");

    /** Page of registers that has the positions of the event and page request queues: ThunderX2 has one page. */
    public static final SettingRow ONE_PAGE = ROWS.choice("register-pages", "two", "one")
            .about("where EVENTQ and PRIQ have PROD and CONS: in page 1, or at the same offsets of page 0, alone (E11"
                    + " of docs/spec/arm-smmu.md 7, ThunderX2)");

    /** Whether interrupts that are no messages have lines of their own. */
    public static final SettingRow ONE_LINE = ROWS.choice("interrupt-lines", "apart", "one")
            .about("lines of the interrupts: one for each, or one for all (E12 of docs/spec/arm-smmu.md 7, ThunderX2)");

    /** Which commands the queue takes. */
    public static final SettingRow GUEST_QUEUE = ROWS.choice("command-queue", "main", "guest")
            .about("what the queue takes: every command, or TLBI_NH_ASID, TLBI_NH_VA, ATC_INV and CMD_SYNC without a"
                    + " signal (E19, E46 of docs/spec/arm-smmu.md 7, a guest's queue of Tegra241)");

    /** All that can be chosen. */
    public static final SettingTable TABLE = ROWS.build();

    private SmmuSettings() {}

    private static void register(Register register, ToLongFunction<SmmuCapabilities> value) {
        ROWS.register(
                register.name(),
                GROUP,
                register.layout(),
                register.widthBits(),
                generation -> value.applyAsLong(SmmuCapabilities.base(generation)));
    }
}
