package org.iommu4j.arm.fuzz;

import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.backend.DmaAccess;

/**
 * Commands that drop whatever came from one entry of a stream: every form that IHI 0070 4.3 to 4.5 has for it, SMMU-D.1 to D.25 of
 * docs/spec/arm-smmu.md 10. Each form is a list of commands, in order, which ends with a CMD_SYNC on a bare chip.
 *
 * @param substream that the device names, or {@link DmaAccess#NO_PASID}
 * @param deviceTlb true if the device may hold translations itself
 * @param bare false if they are to be a vendor part: without CMD_SYNC, and nothing that is the host's
 * @param world of the stream
 */
record CoveringCommands(
        SmmuCapabilities chip,
        RandomGenerator random,
        int streamId,
        int substream,
        int vmid,
        int asid,
        boolean deviceTlb,
        boolean bare,
        World world) {
    /** Exception level whose tables a stream of stage 1 has, IHI 0070 5.2 STRW and 6.3.12 CR2.E2H, with the commands that drop what came from them. */
    enum World {
        EL1(SmmuCommand.TLBI_NH_VA, SmmuCommand.TLBI_NH_VAA, SmmuCommand.TLBI_NH_ASID, SmmuCommand.TLBI_NH_ALL),
        /** One address space: no ASIDs. */
        EL2(SmmuCommand.TLBI_EL2_VA, SmmuCommand.TLBI_EL2_VAA, SmmuCommand.TLBI_EL2_ALL, SmmuCommand.TLBI_EL2_ALL),
        EL2_E2H(SmmuCommand.TLBI_EL2_VA, SmmuCommand.TLBI_EL2_VAA, SmmuCommand.TLBI_EL2_ASID, SmmuCommand.TLBI_EL2_ALL);

        private final SmmuCommand address;
        private final SmmuCommand anyAsid;
        private final SmmuCommand asid;
        private final SmmuCommand all;

        World(SmmuCommand address, SmmuCommand anyAsid, SmmuCommand asid, SmmuCommand all) {
            this.address = address;
            this.anyAsid = anyAsid;
            this.asid = asid;
            this.all = all;
        }
    }

    private static final int MOST_BORDER = 3;
    private static final int PAGE_SHIFT = 12;
    private static final int EVERYTHING = 31;

    /** Addresses that an entry translates: pages of a granule from an address on, of a leaf at the last level or of tables above. */
    record Reach(Granule granule, long first, int pages, boolean leaf) {
        long lengthBytes() {
            return (long) pages << granule.shift();
        }
    }

    /** Forms for the stream table entry. */
    List<List<byte[]>> ofStream(Reach reach) {
        long sid = CommandFields.SID.of(Integer.toUnsignedLong(streamId));
        return List.of(
                whole(reach, command(SmmuCommand.CFGI_STE, sid, leafOrNot(true))),
                whole(reach, command(SmmuCommand.CFGI_STE_RANGE, sid, CommandFields.RANGE.of(random.nextInt(5)))),
                whole(reach, command(SmmuCommand.CFGI_STE_RANGE, sid, CommandFields.RANGE.of(EVERYTHING))));
    }

    /** Forms for the context descriptor, and with it what the TLBs have of its address space. */
    List<List<byte[]>> ofContext(Reach reach) {
        long sid = CommandFields.SID.of(Integer.toUnsignedLong(streamId));
        long index = CommandFields.SSID.of(substream == DmaAccess.NO_PASID ? 0 : substream);
        byte[] asids = command(world.asid, vm() | space(), 0);
        return List.of(
                whole(reach, command(SmmuCommand.CFGI_CD, sid | index, leafOrNot(true)), asids),
                whole(reach, command(SmmuCommand.CFGI_CD_ALL, sid, 0), asids));
    }

    /** Forms for a descriptor of stage 1. */
    List<List<byte[]>> ofStage1(Reach reach) {
        List<List<byte[]>> forms = new ArrayList<>();
        forms.add(whole(reach, pages(world.address, space(), reach)));
        forms.add(whole(reach, pages(world.anyAsid, 0, reach)));
        if (chip.has("RIL")) {
            forms.add(whole(reach, range(world.address, space(), reach)));
            forms.add(whole(reach, range(world.anyAsid, 0, reach)));
        }
        forms.add(whole(reach, command(world.asid, vm() | space(), 0)));
        forms.add(whole(reach, command(world.all, vm(), 0)));
        if (world == World.EL1) {
            forms.add(whole(reach, command(SmmuCommand.TLBI_NSNH_ALL, 0, 0)));
        }
        return List.copyOf(forms);
    }

    /**
     * Forms for a descriptor of stage 2.
     *
     * @param at intermediate addresses that it translates
     * @param reach addresses of the device
     * @param nested true if stage 1 lies above, whose entries hold both
     * @return none as a vendor part: they are the host's
     */
    List<List<byte[]>> ofStage2(Reach at, Reach reach, boolean nested) {
        if (!bare) {
            return List.of();
        }
        byte[][] above = nested ? new byte[][] {command(SmmuCommand.TLBI_NH_ALL, vm(), 0)} : new byte[0][];
        List<List<byte[]>> forms = new ArrayList<>();
        forms.add(whole(reach, joined(pages(SmmuCommand.TLBI_S2_IPA, 0, at), above)));
        if (chip.has("RIL")) {
            forms.add(whole(reach, joined(range(SmmuCommand.TLBI_S2_IPA, 0, at), above)));
        }
        forms.add(whole(reach, command(SmmuCommand.TLBI_S12_VMALL, vm(), 0)));
        forms.add(whole(reach, command(SmmuCommand.TLBI_NSNH_ALL, 0, 0)));
        return List.copyOf(forms);
    }

    private long vm() {
        return CommandFields.VMID.of(vmid);
    }

    private long space() {
        return world == World.EL2 ? 0 : CommandFields.ASID.of(asid);
    }

    private long leafOrNot(boolean leaf) {
        return leaf && random.nextBoolean() ? CommandFields.LEAF.mask() : 0;
    }

    private static byte[] command(SmmuCommand command, long fields, long word1) {
        return command.layout().encode(command.word() | fields, word1);
    }

    /** One command a page. */
    private byte[][] pages(SmmuCommand command, long fields, Reach reach) {
        byte[][] commands = new byte[reach.pages()][];
        for (int page = 0; page < commands.length; page++) {
            long address = reach.first() + ((long) page << reach.granule().shift());
            commands[page] =
                    command(command, vm() | fields, CommandFields.ADDRESS.of(address) | leafOrNot(reach.leaf()));
        }
        return commands;
    }

    /** One command by range, which may reach a little further at either end. */
    private byte[][] range(SmmuCommand command, long fields, Reach reach) {
        Granule granule = reach.granule();
        long before = Math.min(random.nextInt(MOST_BORDER), reach.first() >>> granule.shift());
        long pages = reach.pages() + before + random.nextInt(MOST_BORDER);
        int scale = random.nextInt(2);
        // NUM, SCALE and TTL all 0 are a reserved form beside a granule.
        long units = Math.max((pages + scale) >>> scale, 2 - scale);
        long word0 = vm() | fields | CommandFields.NUM.of(units - 1) | CommandFields.SCALE.of(scale);
        long first = reach.first() - (before << granule.shift());
        long leaf = leafOrNot(reach.leaf());
        long level = leaf != 0 && random.nextBoolean() ? CommandFields.TTL.mask() : 0;
        return new byte[][] {
            command(
                    command,
                    word0,
                    CommandFields.ADDRESS.of(first) | leaf | level | CommandFields.TG.of(granule.rangeCode()))
        };
    }

    private static byte[][] joined(byte[][] first, byte[][] second) {
        List<byte[]> all = new ArrayList<>(List.of(first));
        all.addAll(List.of(second));
        return all.toArray(byte[][]::new);
    }

    /** The commands, then those for the device once the TLBs are done, IHI 0070 3.9.1. */
    private List<byte[]> whole(Reach reach, byte[]... commands) {
        List<byte[]> all = new ArrayList<>(List.of(commands));
        if (deviceTlb) {
            sync(all);
            all.add(ofDevice(reach));
        }
        sync(all);
        return all;
    }

    private void sync(List<byte[]> commands) {
        if (bare) {
            commands.add(command(SmmuCommand.SYNC, 0, 0));
        }
    }

    private byte[] ofDevice(Reach reach) {
        long named = substream == DmaAccess.NO_PASID || random.nextInt(4) == 0
                ? 0
                : CommandFields.SSV.mask() | CommandFields.SSID.of(substream);
        long differing = reach.first() ^ (reach.first() + reach.lengthBytes() - 1);
        int order = Math.max(0, Long.SIZE - Long.numberOfLeadingZeros(differing) - PAGE_SHIFT);
        boolean all = random.nextInt(4) == 0;
        return command(
                SmmuCommand.ATC_INV,
                CommandFields.SID.of(Integer.toUnsignedLong(streamId)) | named,
                all
                        ? CommandFields.SIZE.of(CommandFields.SIZE_ALL)
                        : CommandFields.SIZE.of(order)
                                | CommandFields.ADDRESS.of(reach.first() & -1L << (order + PAGE_SHIFT)));
    }
}
